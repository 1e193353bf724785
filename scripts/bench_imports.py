"""What it costs to import otpy, and to run one of its commands.

Processor time, user and system, of whole processes, in turns with that of their baselines: an
interpreter that does nothing, and one that imports the two libraries that every command needs.
Usage: ``python scripts/bench_imports.py [--quick]``.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.benchlib.systems import Otpy
from scripts.benchlib.table import Row, render

_PYTHON: Final = sys.executable
_OTPY: Final = str(Path(sys.executable).with_name("otpy"))
_NOTHING: Final = (_PYTHON, "-c", "pass")
_LIBRARIES: Final = (_PYTHON, "-c", "import click, msgspec")


@dataclass(frozen=True)
class Measure:
    """A command, what it is compared with, and the ratio of the medians that it must not exceed."""

    argv: Sequence[str]
    baseline: Sequence[str]
    at_most: float | None = None

    @property
    def name(self) -> str:
        """The command as one would type it."""
        program, *arguments = self.argv
        code = arguments[1] if program == _PYTHON else ""
        return f'python -c "{code}"' if code else " ".join((Path(program).name, *arguments))


MEASURES: Final = (
    Measure((_PYTHON, "-c", "import otpy"), _NOTHING, 3.1),
    Measure((_PYTHON, "-c", "from otpy import GenServer, call, cast"), _NOTHING),
    Measure((_PYTHON, "-c", "from otpy import connect"), _NOTHING),
    Measure((_OTPY, "call", "counter", "get_count"), _LIBRARIES, 1.8),
    Measure((_OTPY, "tree"), _LIBRARIES),
    Measure((_OTPY, "--help"), _LIBRARIES),
)


class Counter(Otpy):
    """A node with the counter of the examples, to be called."""

    def prepare(self, folder: Path) -> Sequence[str | Path]:
        """Write the tree."""
        command = super().prepare(folder)
        with (folder / "bench.yaml").open("a") as tree:
            tree.write("  - {id: counter, start: otpy.examples.counter:Counter}\n")
        return command

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which commands find the node."""
        return self._environment()


def cpu_ms(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a command to its end; return the processor time that it took, in milliseconds."""
    silent = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    pid = os.posix_spawn(argv[0], list(argv), environment, file_actions=[silent])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{argv} ended with wait status {status}")
    return (usage.ru_utime + usage.ru_stime) * 1e3


def measure(runs: int) -> list[Row]:
    """Run every command and its baseline so many times, in turns."""
    times: dict[Measure, list[tuple[float, float]]] = {each: [] for each in MEASURES}
    with Counter() as node:
        for number in range(runs + 1):
            for each, pairs in times.items():
                pair = cpu_ms(each.argv, node.environment), cpu_ms(each.baseline, node.environment)
                if number:  # the first has its modules compiled, and read from the disk
                    pairs.append(pair)
    return [row for each, pairs in times.items() for row in rows(each, pairs)]


def rows(of: Measure, pairs: Sequence[tuple[float, float]]) -> list[Row]:
    """Put the figures of a command into two rows."""
    ours, theirs = zip(*pairs, strict=True)
    baseline = "nothing" if of.baseline is _NOTHING else "click, msgspec"
    name = f"{of.name}, to {baseline}"
    return [
        Row(f"{name}, median", "ms", median(ours), of.at_most, median(theirs)),
        Row(f"{name}, least", "ms", min(ours), None, min(theirs)),
    ]


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, to try it")
    print(render(measure(3 if parser.parse_args().quick else 21)))
    print("baselines: an interpreter that does nothing; one that imports click and msgspec")


if __name__ == "__main__":
    main()
