"""Whether node, gateway and supervisors stay as large as they are, whatever has come and gone.

Children of dynamic supervisors are started and end at once: under names of their own, under names
that come again, under names that are made for them, as tasks; of some a server is asked something.
The baseline of each row is the same process after the first 1,000.
Usage: ``python scripts/bench_short_lived.py [--quick] [--children N]``.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
from otpy import tasks
from scripts.benchlib.counters import add_up
from scripts.benchlib.procs import anonymous_kib
from scripts.benchlib.table import Row, render

_ROOT: Final = Path(__file__).resolve().parent.parent
_NAME: Final = "short-lived"
_TREE: Final = f"""
name: {_NAME}
children:
  - {{id: named, strategy: dynamic}}
  - id: made
    strategy: dynamic
    template: {{start: "scripts.benchlib.counters:nothing", restart: temporary}}
  - {{id: tasks, strategy: dynamic}}
"""
_FIRST: Final = 1000
_CHILDREN: Final = 5000
_QUICK: Final = 1500
_AGAIN: Final = 8
_CLIENTS: Final = 4
_TELL_EVERY: Final = 5000

_AT_MOST_MORE_KIB: Final = 1024
"""What an allocator may keep beside: pymalloc takes its arenas by the MiB."""


@contextmanager
def _node() -> Iterator[otpy.Node]:
    folder = Path(tempfile.mkdtemp(prefix="otpy-", dir="/tmp"))
    os.environ["OTPY_DIR"] = str(folder)
    (folder / "tree.yaml").write_text(_TREE)
    command = [sys.executable, "-P", "-m", "otpy", "run", str(folder / "tree.yaml")]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=_ROOT, env=environment)
    try:
        while "is up" not in (folder / "out").read_text():
            time.sleep(0.05)
        with otpy.connect(_NAME) as node:
            yield node
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


class Comings:
    """Has children come and go, by several clients at once.

    Args:
        node: Where.

    Attributes:
        count: How many so far.
    """

    def __init__(self, node: otpy.Node) -> None:
        self._node, self.count = node, 0
        self._named, self._made = node.supervisor("named"), node.supervisor("made")
        self._numbers = itertools.count(1)
        self._counting = threading.Lock()

    def until(self, count: int) -> None:
        """Go on until there were so many."""
        with ThreadPoolExecutor(_CLIENTS) as clients:
            for client in [clients.submit(self._go_on, count) for _ in range(_CLIENTS)]:
                client.result()

    def _go_on(self, until: int) -> None:
        while self.count < until:
            done = self._round()
            with self._counting:
                self.count += done
                if self.count % _TELL_EVERY < done:
                    sys.stderr.write(f"... {self.count} children: {_sizes(self._node)}\n")

    def _round(self) -> int:
        spec = {"start": "scripts.benchlib.counters:nothing", "restart": "temporary"}
        own = [{**spec, "id": f"own-{next(self._numbers)}"} for _ in range(2 * _AGAIN)]
        again = [{**spec, "id": f"again-{number}"} for number in range(_AGAIN)]
        _started(self._named.start_children([*own, *again]))
        _started(self._made.start_children([{}] * (2 * _AGAIN)))
        work = [tasks.async_(add_up, 1, n, node=self._node) for n in range(_AGAIN // 2)]
        tasks.await_many(work)
        self._ask(f"server-{next(self._numbers)}")
        self._ask(f"server-of-{threading.get_ident()}")
        return len(own) + len(again) + 2 * _AGAIN + len(work) + 2

    def _ask(self, id_: str) -> None:
        tally = {"id": id_, "start": "scripts.benchlib.counters:Tally", "restart": "temporary"}
        self._named.start_child(tally)
        self._node[f"named/{id_}"].call("increment", 1)
        self._named.terminate_child(id_)


def _started(results: list[otpy.ChildInfo | otpy.OtpyError]) -> None:
    for result in results:
        # One of the name may not have ended yet.
        if isinstance(result, otpy.OtpyError) and "already_started" not in str(result):
            raise result


def _sizes(node: otpy.Node) -> dict[str, int]:
    pids = {each.path: each.pid for each in node.tree() if each.kind == "supervisor"}
    pids |= {"node": node.pid, "@gateway": node["@gateway"].pid}
    names = {"node": "node", "@gateway": "gateway", "": "root supervisor"}
    return {
        names.get(path, f"supervisor of {path}"): anonymous_kib(pid)
        for path, pid in pids.items()
        if pid is not None
    }


def measure(children: int) -> list[Row]:
    """Look after the first, and after all."""
    with _node() as node:
        comings = Comings(node)
        comings.until(_FIRST)
        first = _sizes(node)
        began = time.monotonic()
        comings.until(children)
        seconds = time.monotonic() - began
        last = _sizes(node)
    rows = [
        Row(
            f"{name}, after {comings.count} children",
            "MiB",
            last[name] / 1024,
            round(1 + _AT_MOST_MORE_KIB / first[name], 2),
            first[name] / 1024,
        )
        for name in first
    ]
    cost = seconds / max(1, comings.count - _FIRST) * 1e3
    return [*rows, Row("a child, from its start to its end", "ms", cost)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer children")
    parser.add_argument("--children", type=int, default=_CHILDREN, help="how many come and go")
    arguments = parser.parse_args()
    print(render(measure(_QUICK if arguments.quick else arguments.children)))


if __name__ == "__main__":
    main()
