"""How fast otpy's messages are.

Every figure stands beside that of a counter over a bare `multiprocessing.Pipe`, measured in the
same run, in turns. otpy means everything on: timeouts, the watch over the worker's death,
dispatch, errors. Usage: ``python scripts/bench_messages.py [--quick]``.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
from scripts.benchlib.peers import PEERS, Peer
from scripts.benchlib.table import Row, paired, percentile, render
from scripts.benchlib.talk import NAME, UNDER_WAY, BarePipe, Crowd, Increment, Otpy, Talker

_CLIENTS: Final = 8
_CHUNK: Final = 200
_EXPLAINED: Final = """\
baseline: a counter over multiprocessing.Pipe, send and recv of ("call", 17, ("increment", 1)) in a
  plain loop; with 8 clients it waits in multiprocessing.connection.wait. Each client of the 8 is
  a process. First contact: a name on a new connection resolved, a link made, the first call
  answered; its baseline is a sequential call of otpy. In parentheses the ratios of the rounds."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int = 7
    calls: int = 4000
    crowd_calls: int = 1500
    casts: int = 20_000
    contacts: int = 100
    peer_calls: int = 1000


_QUICK: Final = Effort(3, 600, 200, 2000, 10, 200)


def pin(pids: Iterable[int], *, pinned: bool) -> None:
    """Put processes on one processor, or let them run on all."""
    processors = {min(_PROCESSORS)} if pinned else _PROCESSORS
    for pid in pids:
        os.sched_setaffinity(pid, processors)


_PROCESSORS: Final = os.sched_getaffinity(0)


def latencies(increment: Increment, calls: int) -> list[float]:
    """Time single calls, in µs."""
    clock = time.perf_counter_ns
    times = []
    for _ in range(calls):
        began = clock()
        increment()
        times.append((clock() - began) / 1e3)
    return times


def in_turns(increments: Sequence[Increment], calls: int) -> list[list[float]]:
    """Time `calls` calls of each, a few at a time, in turns."""
    times: list[list[float]] = [[] for _ in increments]
    for _ in range(max(1, calls // _CHUNK)):
        for increment, own in zip(increments, times, strict=True):
            own.extend(latencies(increment, min(_CHUNK, calls)))
    return times


def measure_one_client(effort: Effort, node: Otpy, *, pinned: bool) -> list[Row]:
    """Call, and wait for the answer before the next call."""
    where = _where(pinned)
    _say(f"one client, {where}")
    with BarePipe() as pipe:
        increments = [node.connect(0), pipe.connect(0)]
        pin([os.getpid(), node.pid, pipe.pid], pinned=pinned)
        in_turns(increments, _CHUNK)
        rounds = [in_turns(increments, effort.calls) for _ in range(effort.rounds)]
    pin([os.getpid(), node.pid], pinned=False)
    p50 = [(percentile(ours, 50), percentile(theirs, 50)) for ours, theirs in rounds]
    p99 = [(percentile(ours, 99), percentile(theirs, 99)) for ours, theirs in rounds]
    return [
        paired(f"one client, sequential calls, p50, {where}", "µs", p50, 0.75),
        paired(f"one client, sequential calls, p99, {where}", "µs", p99, 1.0),
    ]


def measure_crowd(effort: Effort, node: Otpy, *, pinned: bool) -> list[Row]:
    """Let several processes call at the same time."""
    where = _where(pinned)
    _say(f"{_CLIENTS} clients, {where}")
    with BarePipe(_CLIENTS) as pipe, ExitStack() as stack:
        crowds = []
        for talker, connect in (
            (node, node.connect),
            (node, node.connect_many),
            (pipe, pipe.connect),
        ):
            crowd = Crowd(talker, _CLIENTS, connect)
            stack.callback(crowd.stop)
            pin(crowd.pids, pinned=pinned)
            crowds.append(crowd)
        one, many, theirs = crowds
        calls, batches = effort.crowd_calls, max(1, effort.crowd_calls // UNDER_WAY)
        rounds = [
            (one.rate(calls), many.rate(batches) * UNDER_WAY, theirs.rate(calls))
            for _ in range(effort.rounds)
        ]
        pin([node.pid], pinned=False)
    measure = f"{_CLIENTS} clients, calls together, {where}"
    under_way = f"{_CLIENTS} clients, {UNDER_WAY} requests under way each, {where}"
    return [
        paired(measure, "/s", [(ours, pipes) for ours, _, pipes in rounds], at_least=2.0),
        paired(under_way, "/s", [(ours, pipes) for _, ours, pipes in rounds], at_least=3.5),
    ]


def measure_casts(effort: Effort, node: Otpy, *, pinned: bool) -> list[Row]:
    """Send messages that nobody answers; a call at the end waits until all were read."""
    where = _where(pinned)
    _say(f"casts, {where}")
    with otpy.connect(NAME) as client, BarePipe() as pipe:
        counter, connection = client["counter"], pipe.connection(0)
        ours = partial(_cast_all, partial(counter.cast, "increment", 1), node.connect(0))
        request = ("cast", ("increment", 1))
        theirs = partial(_cast_all, lambda: connection.send(request), pipe.connect(0))
        pin([os.getpid(), node.pid, pipe.pid], pinned=pinned)
        rounds = [(ours(effort.casts), theirs(effort.casts)) for _ in range(effort.rounds)]
    pin([os.getpid(), node.pid], pinned=False)
    return [paired(f"casts one by one, {where}", "/s", rounds, at_least=2.0)]


def _cast_all(cast: Callable[[], object], sync: Increment, count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        cast()
    sync()
    return count / (time.perf_counter() - began)


def measure_first_contact(effort: Effort, node: Otpy) -> list[Row]:
    """Find a process by its name and get the first answer, to a call over a link that is there."""
    _say("first contact")
    call = node.connect(0)
    rounds = []
    for _ in range(effort.rounds):
        contacts = [_first_contact() for _ in range(effort.contacts)]
        rounds.append((median(contacts), median(latencies(call, _CHUNK))))
    measure = "first contact with a name, p50, to a sequential call"
    return [paired(measure, "µs", rounds, 15.0)]


def _first_contact() -> float:
    with otpy.connect(NAME) as client:
        began = time.perf_counter_ns()
        client["counter"].call("get_count")
        return (time.perf_counter_ns() - began) / 1e3


def measure_peers(effort: Effort) -> list[str]:
    """Call the same counter in other libraries."""
    return [_peer_line(peer, effort) for peer in PEERS]


def _peer_line(kind: type[Peer], effort: Effort) -> str:
    if not kind.installed():
        return f"  {kind.name}: not installed"
    _say(kind.name)
    with kind() as peer, BarePipe() as pipe:
        increments = [_warm(peer), _warm(pipe)]
        rounds = [in_turns(increments, effort.peer_calls) for _ in range(effort.rounds)]
        ratios = [percentile(ours, 50) / percentile(theirs, 50) for ours, theirs in rounds]
        return f"  {kind.name}: {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def _warm(talker: Talker) -> Increment:
    increment = talker.connect(0)
    latencies(increment, _CHUNK)
    return increment


def _where(pinned: bool) -> str:
    return "one core" if pinned else "unpinned"


def _say(what: str) -> None:
    sys.stderr.write(f"... {what}\n")


def measure_otpy(effort: Effort) -> list[Row]:
    """Measure every row of the table."""
    rows: list[Row] = []
    with Otpy() as node:
        for measure in (measure_one_client, measure_crowd, measure_casts):
            for pinned in (True, False):
                rows += measure(effort, node, pinned=pinned)
        rows += measure_first_contact(effort, node)
    return rows


def main() -> None:
    """Measure everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, to try it")
    effort = _QUICK if parser.parse_args().quick else Effort()
    rows = measure_otpy(effort)
    print(render(rows))
    print(_EXPLAINED)
    missed = [row.measure for row in rows if row.missed]
    print(f"missed: {'; '.join(missed)}" if missed else "every target is met")
    print("one client, sequential calls, p50, of others, unpinned, to the bare Pipe:")
    print("\n".join(measure_peers(effort)))


if __name__ == "__main__":
    main()
