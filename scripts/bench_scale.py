"""What a worker costs as the tree grows: its start, its recovery, its memory, its orderly stop.

Counters below one supervisor, or below the fewest that have descriptors for them. The baseline of
each row is otpy itself with few workers, in the same run: what a worker costs is not to depend on
how many siblings it has.
Usage: ``python scripts/bench_scale.py [--quick] [--large]``; with ``--large`` up to 10,000.
"""

import argparse
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.benchlib.procs import available_mib, pss_mib
from scripts.benchlib.systems import Otpy
from scripts.benchlib.table import Row, render

_REST_S: Final = 0.03
_SIZES: Final = (10, 100, 1000, 4000)
_QUICK: Final = (10, 50, 100)
_LARGE: Final = 10_000
_MIB_OF_A_WORKER: Final = 2.3
"""With what the kernel needs for it."""
_FDS_OF_A_WORKER: Final = 4
_FDS_BESIDE: Final = 100
_MOST_SIBLINGS: Final = (
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _FDS_BESIDE
) // _FDS_OF_A_WORKER


@dataclass(frozen=True)
class Size:
    """What one tree of `count` workers brought."""

    count: int
    boot_ms: float
    recovery_ms: float
    pss: float
    all_in: float
    stop_ms: float


def measure(count: int, kills: int) -> Size:
    """Start a tree, kill workers all over it one after another, look at their memory, stop it."""
    sys.stderr.write(f"... {count} workers\n")
    before = available_mib()
    with Otpy(count, -(-count // _MOST_SIBLINGS)) as otpy:
        ready = max(mark.ns for mark in otpy.workers)
        boot_ms = (ready - otpy.started_ns) / 1e6 / count
        workers = otpy.workers[:: max(1, count // 50)]
        pss = mean(pss_mib(worker.pid) for worker in workers)
        all_in = (before - available_mib()) / count
        recovery_ms = median(_recovery(otpy, number) for number in range(kills))
        stop_ms = otpy.stop_in_order() / count
    return Size(count, boot_ms, recovery_ms, pss, all_in, stop_ms)


def _recovery(otpy: Otpy, number: int) -> float:
    time.sleep(_REST_S)
    return otpy.kill_one(number * 7 % otpy.count)


def rows(sizes: list[Size]) -> list[Row]:
    """Put the figures into rows, each beside those of a smaller tree."""
    first = sizes[0]
    large = next((size for size in sizes if size.count >= 1000), sizes[-1])
    lines = []
    for size in sizes:
        beyond = size.count > large.count
        boot_target = 1.15 if beyond else None
        recovery_target = 1.3 if beyond else None
        memory_target = 2.5 if size.count >= 1000 else None
        name = f"{size.count} workers"
        boot, stop = large.boot_ms, large.stop_ms
        lines += [
            Row(f"{name}: start, each", "ms", size.boot_ms, boot_target, boot),
            Row(
                f"{name}: kill -9 to init, p50",
                "ms",
                size.recovery_ms,
                recovery_target,
                first.recovery_ms,
            ),
            Row(f"{name}: memory (PSS), mean", "MiB", size.pss, memory_target),
            *_all_in(name, size),
            Row(f"{name}: stop, each", "ms", size.stop_ms, None, stop),
        ]
    return lines


def _all_in(name: str, size: Size) -> list[Row]:
    """Return what the system had less of afterwards, the kernel's share included."""
    if size.count < 1000:
        return []  # that of others is more
    return [Row(f"{name}: memory of the system, each", "MiB", size.all_in, None)]


def main() -> None:
    """Measure every size, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, to try it")
    parser.add_argument("--large", action="store_true", help=f"{_LARGE:,} workers, too")
    options = parser.parse_args()
    counts = list(_QUICK if options.quick else _SIZES)
    if options.large:
        counts.append(_LARGE)
    possible = [n for n in counts if n * _MIB_OF_A_WORKER < available_mib()]
    print(render(rows([measure(count, 5 if options.quick else 30) for count in possible])))
    for count in counts:
        if count not in possible:
            print(f"{count} workers need {count * _MIB_OF_A_WORKER / 1024:.0f} GiB of free memory")
    print("baselines: 1,000 workers for starts and stops, 10 for recovery")


if __name__ == "__main__":
    main()
