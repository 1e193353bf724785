"""Kill -9 everything of a node with durable servers, while clients check every answer.

Workers, supervisors, gateway, logger and node are killed at random instants, and durable servers
kill themselves inside their commits. The exit status is 0 if no acknowledged increment was lost,
none with ``once`` was applied twice, and the sum of all accounts stayed what it was. Usage:
``python scripts/torture_durable.py [--kills 10000] [--seed 1] [--seconds 3600]``.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
from scripts.torturelib.clients import (
    PATIENCE_S,
    Client,
    Verdict,
    connected,
    counting,
    counting_once,
    look_at_sum,
    moving,
)
from scripts.torturelib.node import SUM_OF, Node, role_of

_WEIGHTS: Final = {"node": 1, "gateway": 4, "logger": 4, "root": 3, "sup": 6}
"""How often a process of each role is killed; a worker that has none here: `_WORKER`."""

_WORKER: Final = 30
_WHOLE: Final = 0.2
"""In which part of all cases everything has to be there before the next process is killed."""

_PAUSES_S: Final = (0.0, 0.002, 0.01, 0.05)
_FORBIDDEN: Final = ("lost", "applied twice", "wrong sum", "no answer", "client ended")


def main() -> int:
    """Torture a node; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10_000, help="how many processes are killed")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is chosen")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="otpy-torture-", dir="/tmp"))
    os.environ["OTPY_DIR"], os.environ["OTPY_STATE"] = str(work / "run"), str(work / "state")
    verdict = Verdict()
    _torture(arguments, work, verdict)
    for what, count in sorted(verdict.counts.items()):
        if what not in _FORBIDDEN:
            print(f"| {what:<30} | {count:>10} |")
    for kind in _FORBIDDEN:
        print(f"| {kind:<30} | {verdict.counts[kind]:>10} |")
    if verdict.violations:
        print("\nVIOLATED:", *verdict.violations[:20], f"everything is in {work}", sep="\n  ")
        return 1
    shutil.rmtree(work)
    return 0


def _torture(arguments: argparse.Namespace, work: Path, verdict: Verdict) -> None:
    chosen = random.Random(arguments.seed)  # noqa: S311
    node = Node(work)
    clients = [
        Client(number, node.name, kind(path, verdict))
        for number, (kind, path) in enumerate(_ROLES, 1)
    ]
    for client in clients:
        client.start()
    began = time.monotonic()
    try:
        node.await_whole()
        while verdict.counts["kills"] < arguments.kills:
            if time.monotonic() - began > arguments.seconds:
                break
            if node.keep_running() or chosen.random() < _WHOLE:
                node.await_whole()  # else it would not get beyond its start
            _kill_one(node, chosen, verdict)
            time.sleep(chosen.choice(_PAUSES_S))
        node.await_whole()  # the last kill may have been that of a start
        _judge(node, clients, verdict)
        node.stop()
        node.await_whole()  # everything is there days later, too
        _look_again(node, clients, verdict)
        node.stop()
    finally:
        node.close()
    verdict.count("starts of the node", node.starts)
    verdict.count("seconds", int(time.monotonic() - began))


_ROLES: Final[tuple[tuple[Callable[[str, Verdict], Callable[[Client], None]], str], ...]] = (
    (counting_once, "sup/counts"),
    (counting_once, "sup/counts"),
    (counting_once, "sup/loop"),
    (counting, "sup/counts"),
    (counting, "sup/loop"),
    (moving, SUM_OF),
    (moving, SUM_OF),
    (moving, SUM_OF),
)


def _kill_one(node: Node, chosen: random.Random, verdict: Verdict) -> None:
    candidates = [(each, role_of(each)) for each in node.processes()]
    candidates = [(each, role) for each, role in candidates if role]
    if not candidates:
        time.sleep(0.01)
        return
    weights = [_WEIGHTS.get(role, _WORKER if "/" in role else 1) for _, role in candidates]
    [(victim, role)] = chosen.choices(candidates, weights)
    try:
        victim.kill()
    except psutil.NoSuchProcess:
        return
    verdict.count("kills")
    verdict.count(f"kills of {role}")


def _judge(node: Node, clients: list[Client], verdict: Verdict) -> None:
    """Let the clients come to their ends, and compare what is stored with what they were told."""
    for client in clients:
        client.done.set()
    for client in clients:
        client.join(PATIENCE_S * 2)
        if client.is_alive():
            verdict.violated("no answer", f"{client.name} waits for ever")
        if client.failure:
            verdict.violated("client ended", f"{client.name}: {client.failure}")
    _look_again(node, clients, verdict)


def _look_again(node: Node, clients: list[Client], verdict: Verdict) -> None:
    there = connected(node.name)
    for client, (kind, path) in zip(clients, _ROLES, strict=True):
        if kind is moving:
            continue
        count = _count(there, path, client.number)
        if not client.acknowledged <= count <= client.acknowledged + client.unknown:
            verdict.violated("lost", f"{client.name} has {client.acknowledged}, stored: {count}")
    look_at_sum(there, SUM_OF, verdict)
    there.close()


def _count(node: otpy.Node, path: str, client: int) -> int:
    while True:
        try:
            return int(node[path].call("count", client, timeout=PATIENCE_S))
        except (otpy.ProcessDown, otpy.NodeNotFound):
            continue  # it kills itself inside commits


if __name__ == "__main__":
    sys.exit(main())
