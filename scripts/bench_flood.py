"""What a flood does to a node: resident memory, and how soon a flooded worker's system answers.

Clients cast as fast as they can to a worker that is slower than they are, and to one that is stuck.
Baseline: the same processes before the flood. Usage: ``python scripts/bench_flood.py [--quick]``.
"""

import argparse
import contextlib
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
from scripts.benchlib.procs import pss_mib
from scripts.benchlib.table import Row, percentile, render
from scripts.benchlib.talk import FORK, NAME, Otpy

_CLIENTS: Final = 4
_MINUTE_S: Final = 60.0
_QUICK_S: Final = 4.0
_LOOK_EVERY_S: Final = 0.25
_PAYLOAD: Final = "x" * 1000


def _flood(name: str, sent: "multiprocessing.Queue[int]", until: float) -> None:
    count = 0
    with otpy.connect(NAME) as node:
        while time.monotonic() < until:
            # A stuck worker takes no more: each cast then waits for its timeout.
            with contextlib.suppress(otpy.CallTimeout):
                node[name].cast("wait_a_little", _PAYLOAD, timeout=0.5)
                count += 1
    sent.put(count)


def measure(seconds: float) -> list[Row]:
    """Flood, look at the memory all the while, and ask for the state of the flooded worker."""
    with Otpy() as bench, otpy.connect(NAME) as node:
        node["stuck"].cast("stay_stuck")
        pids = _pids(node)
        before = {name: pss_mib(pid) for name, pid in pids.items()}
        peak = dict(before)
        sent: multiprocessing.Queue[int] = FORK.Queue()
        until = time.monotonic() + seconds
        names = ["slow"] * _CLIENTS + ["stuck"] * _CLIENTS
        clients = [FORK.Process(target=_flood, args=(name, sent, until)) for name in names]
        for client in clients:
            client.start()
        answers = []
        while time.monotonic() < until:
            began = time.perf_counter()
            node["slow"].statistics()
            node["stuck"].statistics()
            answers.append((time.perf_counter() - began) / 2 * 1e3)
            peak = {name: max(peak[name], pss_mib(pid)) for name, pid in pids.items()}
            time.sleep(_LOOK_EVERY_S)
        casts = sum(sent.get() for _ in clients)
        for client in clients:
            client.join()
        assert _pids(node) == pids
        del bench
    rows = [
        Row(f"memory of {name}, peak during the flood", "MiB", peak[name], 2.0, before[name])
        for name in pids
    ]
    return [
        *rows,
        Row("statistics of a flooded and of a stuck worker, p50", "ms", percentile(answers, 50)),
        Row("casts that were sent", "", float(casts)),
    ]


def _pids(node: otpy.Node) -> dict[str, int]:
    pids = {"the node": node.pid, "the slow worker": node["slow"].pid}
    pids["the stuck worker"] = node["stuck"].pid
    for name, path in (("the supervisor", ""), ("the gateway", "@gateway")):
        pids[name] = node[path].pid
    return pids


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to try it")
    seconds = _QUICK_S if parser.parse_args().quick else _MINUTE_S
    sys.stderr.write(f"... {2 * _CLIENTS} clients flood two workers for {seconds:.0f} s\n")
    rows = measure(seconds)
    print(render(rows))
    print(f"baseline: the same process before the flood; {os.cpu_count()} processors")
    missed = [row.measure for row in rows if row.missed]
    print(f"missed: {'; '.join(missed)}" if missed else "every target is met")


if __name__ == "__main__":
    main()
