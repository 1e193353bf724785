"""What it costs that a server's state survives: calls per second, and the restart.

Each figure stands beside that of the same server without durability, in the same node and the same
run, in turns. Usage: ``python scripts/bench_durable.py [--quick] [--disk]``.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
from otpy.events import ChildStarted, NodeStarted
from scripts.benchlib.table import Row, paired, render

_ROOT: Final = Path(__file__).resolve().parent.parent
_NAME: Final = "bench-durable"
_MODULE: Final = "scripts.benchlib.durable_servers"
_UNDER_WAY: Final = 64
_ROWS: Final = 100_000
_PROCESSORS: Final = os.sched_getaffinity(0)
_TREE: Final = f"""
name: {_NAME}
max_restarts: infinity
children:
  - {{id: plain, start: "{_MODULE}:Counter"}}
  - {{id: process, start: "{_MODULE}:Counter", durable: process}}
  - {{id: disk, start: "{_MODULE}:Counter", durable: disk}}
  - {{id: small, start: "{_MODULE}:Kibibyte"}}
  - {{id: kept, start: "{_MODULE}:Kibibyte", durable: process}}
  - {{id: few, start: "{_MODULE}:Rows", args: [10], durable: process}}
  - {{id: many, start: "{_MODULE}:Rows", args: [{_ROWS}], durable: process}}
"""


def main() -> int:
    """Measure, and print the table; the exit status tells whether all targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a look, no measurement")
    arguments = parser.parse_args()
    rounds, calls, kills = (3, 300, 5) if arguments.quick else (9, 3000, 40)
    rows: list[Row] = []
    with _node() as node:
        for where in ("one core", "unpinned"):
            _pin(node, where)
            rows += _calls(node, where, rounds, calls)
        rows += _restarts(node, kills)
    print(render(rows))
    print(
        "baseline: the same GenServer without `durable`; the last row: of a Table of 10 rows.\n"
        f"A Table of {_ROWS} rows is the other."
    )
    return 1 if any(row.missed for row in rows) else 0


@contextmanager
def _node() -> Iterator[otpy.Node]:
    work = Path(tempfile.mkdtemp(prefix="otpy-", dir="/tmp"))
    os.environ["OTPY_DIR"], os.environ["OTPY_STATE"] = str(work / "run"), str(work / "state")
    tree = work / "bench.yaml"
    tree.write_text(_TREE)
    command = [sys.executable, "-P", "-m", "otpy", "run", str(tree)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT, text=True)
    try:
        assert process.stdout is not None
        while "is up" not in process.stdout.readline():
            if process.poll() is not None:
                raise SystemExit("the node did not start")
        with otpy.connect(_NAME) as node, node.events(follow=True) as events:
            next(event for event in events if isinstance(event, NodeStarted))
            yield node
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(work)


def _pin(node: otpy.Node, where: str) -> None:
    processors = {min(_PROCESSORS)} if where == "one core" else _PROCESSORS
    for pid in (os.getpid(), *(row.pid for row in node.tree())):
        if pid is not None:
            os.sched_setaffinity(pid, processors)


def _calls(node: otpy.Node, where: str, rounds: int, calls: int) -> list[Row]:
    plain, process, disk = (node[name] for name in ("plain", "process", "disk"))
    few = max(1, calls // 30)  # each waits for the disk
    one: list[tuple[float, float]] = []
    many: list[tuple[float, float]] = []
    on_disk: list[tuple[float, float]] = []
    for _ in range(rounds):
        base = _rate(lambda: plain.call("increment", 1), calls)
        one.append((_rate(lambda: process.call("increment", 1), calls), base))
        on_disk.append((_rate(lambda: disk.call("increment", 1), few), base))
        together = _rate_together(plain, calls)
        many.append((_rate_together(process, calls), together))
    return [
        paired(f"calls one at a time, process, {where}", "/s", one, at_least=0.55),
        paired(f"calls, {_UNDER_WAY} under way, process, {where}", "/s", many, at_least=0.8),
        paired(f"calls one at a time, disk, {where}", "/s", on_disk),
    ]


def _rate(call: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return calls / (time.perf_counter() - began)


def _rate_together(ref: otpy.Ref, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(max(1, calls // _UNDER_WAY)):
        pending = [ref.send_request("increment", 1) for _ in range(_UNDER_WAY)]
        for each in pending:
            each.result()
    return max(1, calls // _UNDER_WAY) * _UNDER_WAY / (time.perf_counter() - began)


def _restarts(node: otpy.Node, kills: int) -> list[Row]:
    times: dict[str, list[float]] = {name: [] for name in ("small", "kept", "few", "many")}
    for _ in range(kills):
        for name, own in times.items():
            own.append(_restart(node, name))
    pairs = [(f"restart to first answer, {what}", one, other) for what, one, other in _RESTARTS]
    return [
        Row(what, "ms", median(times[one]), 1.3, median(times[other])) for what, one, other in pairs
    ]


_RESTARTS: Final = (("1 KiB of state", "kept", "small"), (f"{_ROWS} rows", "many", "few"))


def _restart(node: otpy.Node, name: str) -> float:
    """Kill a server; return the milliseconds until it answers a call again."""
    ref = node[name]
    pid = ref.call("pid", timeout=60)
    with node.events(follow=True) as events:
        began = time.perf_counter()
        os.kill(pid, 9)
        while True:
            try:
                ref.call("pid", timeout=60)
                break
            except otpy.ProcessDown:
                continue
        took = (time.perf_counter() - began) * 1000
        next(each for each in events if isinstance(each, ChildStarted) and each.path == name)
    return took


if __name__ == "__main__":
    sys.exit(main())
