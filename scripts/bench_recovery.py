"""How fast otpy starts and restarts workers, what they weigh, and whether they sleep.

Every figure stands beside that of a plain `multiprocessing` loop (`benchlib.loop`), measured in
the same run, in turns. Usage: ``python scripts/bench_recovery.py [--quick]``.
"""

import argparse
import importlib.util
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.benchlib.procs import descendants, pss_mib, switches
from scripts.benchlib.spares import OtpyWithSpares
from scripts.benchlib.systems import Loop, LoopAhead, Otpy, Runit, Supervisord, System
from scripts.benchlib.table import Row, paired, percentile, render

_REST_S: Final = 0.03
_PEER_REST_S: Final = 1.2
_SETTLE_S: Final = 1.0
_EXPLAINED: Final = """\
baseline: a loop of multiprocessing fork, pidfd and poll that has imported and frozen the same
  modules, and waits for one worker before it starts the next; the workers of both import their
  GenServer after the fork. Both starts begin with the command: the loop's has one interpreter's,
  otpy's has two and the check of the tree. Ready: the last worker's init runs."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int = 5
    kills: int = 20
    workers: int = 1000
    idle_s: float = 10.0
    peer_kills: int = 5


_QUICK: Final = Effort(rounds=2, kills=5, workers=50, idle_s=2.0, peer_kills=1)


@dataclass
class Crowd:
    """What the rounds with many workers brought; pairs are ``(otpy, baseline)``."""

    starts: list[tuple[float, float]] = field(default_factory=list)
    returns: list[tuple[float, float]] = field(default_factory=list)
    pss: list[float] = field(default_factory=list)
    loop_pss: list[float] = field(default_factory=list)
    idle_switches: list[int] = field(default_factory=list)
    processes: int = 0


def measure_recovery(effort: Effort) -> list[Row]:
    """Kill one worker again and again, otpy's and the loops' in turns."""
    rounds: list[tuple[list[float], list[float], list[float]]] = []
    for number in range(effort.rounds):
        _say(f"one worker killed {effort.kills} times, round {number + 1} of {effort.rounds}")
        with Otpy() as otpy, Loop() as loop, LoopAhead() as ahead:
            systems = (otpy, loop, ahead)
            turns = [tuple(map(_after_rest, systems)) for _ in range(effort.kills)]
        ours, theirs, theirs_ahead = (list(times) for times in zip(*turns, strict=True))
        rounds.append((ours, theirs, theirs_ahead))
    kills = effort.rounds * effort.kills
    measure = "kill -9 to the first line of init"
    to_loop = [(o, t) for o, t, _ in rounds]
    to_ahead = [(o, a) for o, _, a in rounds]
    return [
        _percentile_row(f"{measure}, p50 of {kills}", 50, to_loop, 1.5),
        _percentile_row(f"{measure}, p95 of {kills}", 95, to_loop),
        _percentile_row("p50, to a loop that has imported ahead", 50, to_ahead),
    ]


def measure_spares(effort: Effort) -> list[Row]:
    """Kill children that have spares, the loop's worker and one that imports nothing, in turns."""
    modules = {"answer_slow": "its module takes 150 ms to import"}
    if importlib.util.find_spec("numpy") is not None:
        modules["answer_numpy"] = "its module imports numpy"
    to_loop: list[tuple[list[float], list[float]]] = []
    to_plain: dict[str, list[tuple[list[float], list[float]]]] = {each: [] for each in modules}
    for number in range(effort.rounds):
        _say(f"with spares, {effort.kills} kills, round {number + 1} of {effort.rounds}")
        with OtpyWithSpares(tuple(modules)) as otpy, Loop() as loop:
            turns = [_one_turn(otpy, loop, modules) for _ in range(effort.kills)]
        ours, theirs, plain, *others = (list(times) for times in zip(*turns, strict=True))
        to_loop.append((ours, theirs))
        for module, times in zip(modules, others, strict=True):
            to_plain[module].append((times, plain))
    kills = effort.rounds * effort.kills
    measure = f"with a spare: kill -9 to the first line of init, p50 of {kills}"
    rows = [_percentile_row(measure, 50, to_loop, 0.6)]
    for module, what in modules.items():
        measure = f"with a spare, to answered again, to one that imports nothing; {what}"
        rows.append(_percentile_row(measure, 50, to_plain[module], 1.2))
    return rows


def _one_turn(otpy: OtpyWithSpares, loop: Loop, modules: Iterable[str]) -> tuple[float, ...]:
    otpy.await_spares()
    return (
        _after_rest(otpy),
        _after_rest(loop),
        *(_asked_after_rest(otpy, child) for child in ("answer", *modules)),
    )


def _asked_after_rest(otpy: OtpyWithSpares, child: str) -> float:
    time.sleep(_REST_S)
    return otpy.kill_and_ask(child)


def _percentile_row(
    measure: str,
    percent: float,
    rounds: Sequence[tuple[list[float], list[float]]],
    at_most: float | None = None,
) -> Row:
    ratios = [percentile(ours, percent) / percentile(theirs, percent) for ours, theirs in rounds]
    otpy_ms = percentile([ms for ours, _ in rounds for ms in ours], percent)
    loop_ms = percentile([ms for _, theirs in rounds for ms in theirs], percent)
    return Row(measure, "ms", otpy_ms, at_most, loop_ms, ratios)


def _after_rest(system: System, rest_s: float = _REST_S) -> float:
    time.sleep(rest_s)
    return system.kill_all()


def measure_crowd(effort: Effort) -> Crowd:
    """Start many workers, kill them all, otpy's and the loop's in turns."""
    crowd = Crowd()
    for number in range(effort.rounds):
        _say(f"{effort.workers} workers, round {number + 1} of {effort.rounds}")
        with Otpy(effort.workers) as otpy:
            start = _seconds_to_start(otpy)
            time.sleep(_SETTLE_S)
            if number == 0:
                _look_at(otpy, effort, crowd)
            back = otpy.kill_all() / 1e3
        with Loop(effort.workers) as loop:
            loop_start = _seconds_to_start(loop)
            time.sleep(_SETTLE_S)
            if number == 0:
                crowd.loop_pss = [pss_mib(worker.pid) for worker in loop.workers]
            loop_back = loop.kill_all() / 1e3
        crowd.starts.append((start, loop_start))
        crowd.returns.append((back, loop_back))
    return crowd


def _seconds_to_start(system: System) -> float:
    return (max(mark.ns for mark in system.workers) - system.started_ns) / 1e9


def _look_at(otpy: Otpy, effort: Effort, crowd: Crowd) -> None:
    crowd.pss = [pss_mib(worker.pid) for worker in otpy.workers]
    pids = descendants(otpy.pid)
    crowd.processes = len(pids)
    _say(f"{len(pids)} processes left alone for {effort.idle_s:g} s")
    before = [switches(pid) for pid in pids]
    time.sleep(effort.idle_s)
    after = [switches(pid) for pid in pids]
    crowd.idle_switches = [b - a for a, b in zip(before, after, strict=True)]


def crowd_rows(effort: Effort, crowd: Crowd) -> list[Row]:
    """Put the figures of the crowd into rows."""
    count = effort.workers
    pss = "MiB of each (PSS)"
    idle = f"wake-ups of the idle node's {crowd.processes} processes in {effort.idle_s:g} s"
    return [
        paired(f"{count} GenServers, from the command to all ready", "s", crowd.starts, 2.0),
        paired(f"the {count} killed at once, to all ready", "s", crowd.returns, 2.0),
        Row(f"{pss}, median", "MiB", median(crowd.pss), 2.5),
        Row(f"{pss}, mean", "MiB", mean(crowd.pss), 2.5),
        Row(idle, "", sum(crowd.idle_switches), 0),
    ]


def measure_peers(effort: Effort) -> list[str]:
    """Kill a Python worker of other supervisors; each lets it run for a while first."""
    lines = []
    for name, kind in (("supervisord", Supervisord), ("runit", Runit)):
        if shutil.which(kind.command) is None:
            lines.append(f"{name}: not installed")
            continue
        _say(f"{name}, {effort.peer_kills} kills")
        with kind() as peer:
            times = [_after_rest(peer, _PEER_REST_S) for _ in range(effort.peer_kills)]
        lines.append(f"{name}: {median(times):.1f} ms")
    return lines


def notes(crowd: Crowd, peers: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return what the table leaves out."""
    missed = [row.measure for row in rows if row.missed]
    return [
        _EXPLAINED,
        f"the loop's workers: {median(crowd.loop_pss):.2f} MiB each",
        f"kill -9 to the first line of a Python worker, p50: {', '.join(peers)}",
        f"missed: {'; '.join(missed)}" if missed else "every target is met",
    ]


def _say(what: str) -> None:
    sys.stderr.write(f"... {what}\n")


def main() -> None:
    """Measure everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, to try it")
    effort = _QUICK if parser.parse_args().quick else Effort()
    rows = measure_recovery(effort) + measure_spares(effort)
    crowd = measure_crowd(effort)
    rows += crowd_rows(effort, crowd)
    peers = measure_peers(effort)
    print(render(rows))
    print("\n".join(notes(crowd, peers, rows)))


if __name__ == "__main__":
    main()
