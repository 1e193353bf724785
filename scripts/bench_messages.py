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
from typing import Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
from scripts.benchlib.counters import LARGE, LARGE_VALUES
from scripts.benchlib.peers import PEERS, Peer
from scripts.benchlib.table import Row, paired, percentile, render
from scripts.benchlib.talk import NAME, UNDER_WAY, BarePipe, Crowd, Increment, Otpy, Talker

_CLIENTS: Final = 8
_CHUNK: Final = 200
_BATCH: Final = 1000
_EXPLAINED: Final = """\
baseline: a counter over multiprocessing.Pipe, send and recv of ("call", 17, ("increment", 1)) in a
  plain loop; with 8 clients it waits in multiprocessing.connection.wait. Each client of the 8 is
  a process with a session of its own, as a program would be: the kernel's autogroups share the
  processors among sessions. First contact: a name on a new connection resolved, a link made, the
  first call answered, by a process that others have called before; its baseline is a sequential
  call of otpy. On one core, the node and its supervisors are on it, too. In parentheses the ratios
  of the rounds, each of which has nodes of its own: where the kernel happens to load Python in two
  processes at addresses that are equal in their lowest 25 bits (one time in 16), the processor's
  branch predictor takes one for the other, and both take 1.7 times as long. The baseline is
  forked, and spared that."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int = 7
    calls: int = 4000
    crowd_calls: int = 1500
    casts: int = 20_000
    contacts: int = 100
    large: int = 1000
    peer_calls: int = 1000


_QUICK: Final = Effort(3, 600, 200, 2000, 10, 20, 200)


def pin(pids: Iterable[int], where: str) -> None:
    """Put processes on one processor, or let them run on all."""
    processors = {min(_PROCESSORS)} if where == _ONE_CORE else _PROCESSORS
    for pid in pids:
        os.sched_setaffinity(pid, processors)


_ONE_CORE: Final = "one core"
_ANYWHERE: Final = "unpinned"
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


@dataclass(frozen=True)
class Measure:
    """A row of the table to be."""

    name: str
    unit: str = "µs"
    at_most: float | None = None
    at_least: float | None = None


Figures: TypeAlias = dict[Measure, tuple[float, float]]
"""What one round measured: otpy's figure, and the baseline's."""


def measure_one_client(effort: Effort, node: Otpy, where: str) -> Figures:
    """Call, and wait for the answer before the next call."""
    with BarePipe() as pipe, otpy.connect(NAME) as client:
        increments = [node.connect(0), pipe.connect(0)]
        pin([os.getpid(), node.pid, node.customer, pipe.pid], where)
        in_turns(increments, _CHUNK)
        ours, theirs = in_turns(increments, effort.calls)
        client["customer"].call("increment", _CHUNK)
        between = client["customer"].call("increment", effort.calls, timeout=None)
    p50 = percentile(theirs, 50)
    return {
        Measure(f"one client, sequential calls, p50, {where}", at_most=0.75): (
            percentile(ours, 50),
            p50,
        ),
        Measure(f"one client, sequential calls, p99, {where}", at_most=1.0): (
            percentile(ours, 99),
            percentile(theirs, 99),
        ),
        Measure(f"worker to worker, sequential calls, p50, {where}", at_most=0.85): (
            percentile(between, 50),
            p50,
        ),
    }


def measure_crowd(effort: Effort, node: Otpy, where: str) -> Figures:
    """Call from several processes at the same time."""
    with BarePipe(_CLIENTS) as pipe, ExitStack() as stack:
        crowds = []
        for talker, connect in (
            (node, node.connect),
            (node, node.connect_many),
            (pipe, pipe.connect),
        ):
            crowd = Crowd(talker, _CLIENTS, connect)
            stack.callback(crowd.stop)
            pin(crowd.pids, where)
            crowds.append(crowd)
        one, many, theirs = crowds
        pipes = theirs.rate(effort.crowd_calls)
        calls = one.rate(effort.crowd_calls)
        under_way = many.rate(max(1, effort.crowd_calls // UNDER_WAY)) * UNDER_WAY
    return {
        Measure(f"{_CLIENTS} clients, calls together, {where}", "/s", at_least=2.0): (
            calls,
            pipes,
        ),
        Measure(
            f"{_CLIENTS} clients, {UNDER_WAY} requests under way each, {where}", "/s", at_least=3.5
        ): (under_way, pipes),
    }


def measure_casts(effort: Effort, node: Otpy, where: str) -> Figures:
    """Send messages that nobody answers; a call at the end waits until all were read."""
    with otpy.connect(NAME) as client, BarePipe() as pipe:
        counter, connection = client["counter"], pipe.connection(0)
        # Over the same link, so that it is answered last.
        call, sync = partial(counter.call, "increment", 1), pipe.connect(0)
        pin([os.getpid(), node.pid, pipe.pid], where)
        request = ("cast", ("increment", 1))
        theirs = _rate(lambda: connection.send(request), sync, effort.casts)
        ours = _rate(lambda: counter.cast("add", 1), call, effort.casts)
        many = [("add", 1)] * _BATCH
        batches = _rate(lambda: counter.cast_many(many), call, max(1, effort.casts // _BATCH))
    return {
        Measure(f"casts one by one, {where}", "/s", at_least=2.0): (ours, theirs),
        Measure(f"casts, {_BATCH} in a batch, {where}", "/s", at_least=5.0): (
            batches * _BATCH,
            theirs,
        ),
    }


def _rate(send: Callable[[], object], sync: Increment, count: int) -> float:
    sync()
    began = time.perf_counter()
    for _ in range(count):
        send()
    sync()
    return count / (time.perf_counter() - began)


def measure_large(effort: Effort, node: Otpy, where: str) -> Figures:
    """Send what is large from worker to worker, and wait until it was taken."""
    with BarePipe() as pipe, otpy.connect(NAME) as client:
        connection, data = pipe.connection(0), os.urandom(LARGE)
        pin([os.getpid(), node.pid, node.customer, pipe.pid], where)

        def send() -> None:
            connection.send(("call", 17, ("measure", data)))
            connection.recv()

        theirs = latencies(send, effort.large)
        ours = client["customer"].call("measure", effort.large, timeout=None)
        figures: Figures = {}
        for kind, value in LARGE_VALUES.items():
            message = ("cast", ("measure", value))
            streams = _rate(partial(connection.send, message), pipe.connect(0), effort.large)
            stream = client["customer"].call("stream", kind, effort.large, timeout=None)
            measure = Measure(f"{_MIB} of {kind}, worker to worker, in a stream, {where}", *_MIB_S)
            figures[measure] = stream, streams
    measure = Measure(f"{_MIB} of bytes, worker to worker, one by one, {where}", *_MIB_S)
    mib_s = (LARGE / (1 << 20)) * 1e6
    return {**figures, measure: (mib_s / median(ours), mib_s / median(theirs))}


_MIB: Final = "1 MiB"
_MIB_S: Final = ("MiB/s", None, 2.0)


def measure_first_contact(effort: Effort, node: Otpy, where: str) -> Figures:
    """Find a process by its name and get the first answer, to a call over a link that is there."""
    pin([os.getpid(), *node.pids()], where)
    call = node.connect(0)
    latencies(call, _CHUNK)
    contacts = median(_first_contact() for _ in range(effort.contacts))
    measure = Measure(
        f"first contact with a name, p50, to a sequential call, {where}", at_most=15.0
    )
    return {measure: (contacts, median(latencies(call, _CHUNK)))}


def _first_contact() -> float:
    with otpy.connect(NAME) as client:
        began = time.perf_counter_ns()
        client["counter"].call("get_count")
        return (time.perf_counter_ns() - began) / 1e3


_KINDS: Final = (
    (measure_one_client, (_ONE_CORE, _ANYWHERE)),
    (measure_crowd, (_ONE_CORE, _ANYWHERE)),
    (measure_casts, (_ONE_CORE, _ANYWHERE)),
    (measure_large, (_ANYWHERE,)),
    (measure_first_contact, (_ONE_CORE, _ANYWHERE)),
)
"""What is measured, and where: what two processes do in turns needs no pinning to be fair."""


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


def measure_otpy(effort: Effort) -> list[Row]:
    """Measure every row of the table, with a new node in each round."""
    rounds: dict[Measure, list[tuple[float, float]]] = {}
    for number in range(effort.rounds):
        _say(f"round {number + 1} of {effort.rounds}")
        for kind, places in _KINDS:
            for where in places:
                with Otpy() as node:
                    figures = kind(effort, node, where)
                pin([os.getpid()], _ANYWHERE)
                for measure, pair in figures.items():
                    rounds.setdefault(measure, []).append(pair)
    return [
        paired(measure.name, measure.unit, pairs, measure.at_most, measure.at_least)
        for measure, pairs in rounds.items()
    ]


def _say(what: str) -> None:
    sys.stderr.write(f"... {what}\n")


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
