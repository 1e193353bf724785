"""How soon a node answers while one child crashes in a loop, and another floods its output.

Baseline: the same questions to the same node in the same run, while nobody crashes or floods. A
question of each kind after another, so that each meets every moment of a restart.

    whereis     the gateway alone: `otpy pid`
    tree        the gateway alone: `otpy status`
    children    by way of the supervisor that restarts the crashing child
    statistics  the same
    state       by way of the gateway, from a server: `otpy state`
    call        to a server, on a link of its own
    contact     the first call to a name, on a new connection

Usage: ``python scripts/bench_commands.py [--quick] [--seconds S]``; on a machine that does other
things, in a control group with a large share of the processors.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
from scripts.benchlib.table import Row, percentile, render

_ROOT: Final = Path(__file__).resolve().parent.parent
_NAME: Final = "commands"
_TREE: Final = f"""
name: {_NAME}
max_restarts: infinity
children:
  - {{id: quiet, start: 'otpy.examples.counter:Counter'}}
  - {{id: crashing, start: 'scripts.benchlib.crashing:Crashing', restart: permanent}}
  - {{id: flooding, command: [sh, -c, 'while test -e WAIT; do sleep 1; done; exec yes']}}
"""
_P99_MS: Final = 10.0
Question = Callable[[otpy.Node], object]


def _contact(_node: otpy.Node) -> object:
    with otpy.connect(_NAME) as other:
        return other["quiet"].call("get_count")


QUESTIONS: Final[dict[str, Question]] = {
    "whereis": lambda node: node["quiet"].info(),
    "tree": lambda node: node.tree(),
    "children": lambda node: node.supervisor().which_children(),
    "statistics": lambda node: node["quiet"].statistics(),
    "state": lambda node: node["quiet"].get_state(),
    "call": lambda node: node["quiet"].call("get_count"),
    "contact": _contact,
}


@contextmanager
def running() -> Iterator[Path]:
    """Run the node as long as it is needed; return the file that keeps its children quiet."""
    with tempfile.TemporaryDirectory(prefix="otpy-") as folder:
        os.environ["OTPY_DIR"] = folder
        quiet = Path(folder) / "quiet"
        quiet.touch()
        os.environ["BENCH_QUIET"] = str(quiet)
        tree = Path(folder) / "commands.yaml"
        tree.write_text(_TREE.replace("WAIT", str(quiet)))
        command = [sys.executable, "-P", "-m", "otpy", "run", str(tree)]
        out = Path(folder) / "out"
        with out.open("wb") as file:
            node = subprocess.Popen(
                command, stdout=file, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)}
            )
        try:
            while b" is up" not in out.read_bytes():
                if node.poll() is not None:
                    sys.exit(f"the node did not come up: {out.read_text()}")
                time.sleep(0.05)
            yield quiet
        finally:
            node.terminate()
            node.wait()


def answers(seconds: float) -> dict[str, list[float]]:
    """Ask for so long; return the milliseconds that each answer took, by question."""
    took: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    until = time.monotonic() + seconds
    with otpy.connect(_NAME) as node:
        while time.monotonic() < until:
            for name, ask in QUESTIONS.items():
                began = time.perf_counter()
                ask(node)
                took[name].append((time.perf_counter() - began) * 1e3)
            time.sleep(0.001)  # so that the questions fall on other moments
    return took


def _restarts() -> int:
    with otpy.connect(_NAME) as node:
        return sum(process.restarts for process in node.tree())


def _written() -> int:
    """Return how many bytes the flooding child has written so far."""
    with otpy.connect(_NAME) as node:
        pid = node["flooding"].info().pid
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))


def measure(seconds: float) -> tuple[list[Row], str]:
    """Measure quiet and stormy; return the rows, and how stormy it was."""
    with running() as quiet:
        baseline = answers(seconds)
        quiet.unlink()
        time.sleep(min(2.0, seconds))
        before, written = _restarts(), _written()
        began = time.monotonic()
        stormy = answers(seconds)
        passed = time.monotonic() - began
        restarts = (_restarts() - before) / passed
        flood = (_written() - written) / passed / (1 << 20)
    storm = f"{restarts:.0f} restarts/s; {flood:.1f} MiB/s of output in lines of 2 bytes"
    rows = []
    for name in QUESTIONS:
        for percent, target in ((50, None), (99, _P99_MS), (100, None)):
            what = "max" if percent == 100 else f"p{percent}"
            quiet_ms, storm_ms = (percentile(each[name], percent) for each in (baseline, stormy))
            row = Row(f"{name}, {what}", "ms", storm_ms, None, quiet_ms)
            rows.append(row)
            if target is not None:
                rows.append(Row(f"{name}, {what}, by itself", "ms", storm_ms, target))
    return rows, storm


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="for some seconds")
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    rows, storm = measure(3.0 if options.quick else options.seconds)
    print(render(rows))
    print(storm)


if __name__ == "__main__":
    main()
