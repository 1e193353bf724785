"""Kill processes of a node at random, in bursts, while clients check every answer.

The exit status says whether what was promised held: 0 if no supervisor and no gateway ended by
itself, no process was left over, no caller hung, no answer was wrong, lost or applied twice, and
neither descriptors nor memory grew. Usage:
``python scripts/chaos.py --kills 10000 --seed 1 [--many 80] [--seconds 600]``.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.chaoslib.crowd import Crowd
from scripts.chaoslib.judge import Growth, Judge
from scripts.chaoslib.killer import Killer
from scripts.chaoslib.node import Node
from scripts.chaoslib.phases import Phases
from scripts.chaoslib.processes import become_subreaper
from scripts.chaoslib.tally import Progress, Tally, choices

_SETTLE_EVERY: Final = 50
_PAUSES_S: Final = (0.0, 0.005, 0.02, 0.1)


def main() -> int:
    """Run the chaos; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000, help="how many processes are killed")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is chosen")
    parser.add_argument(
        "--many", type=int, default=0, help="so many workers more in one supervisor"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="otpy-chaos-", dir="/tmp"))
    os.environ["OTPY_DIR"] = str(work / "run")
    tally = Tally()
    try:
        rows = _run(arguments, work, tally)
    finally:
        if not tally.violations:
            shutil.rmtree(work)
    print(_table(tally, rows))
    if tally.violations:
        print("\nVIOLATED:", *tally.violations, f"the node's output is in {work}", sep="\n  ")
    return 1 if tally.violations else 0


def _run(arguments: argparse.Namespace, work: Path, tally: Tally) -> list[Growth]:
    become_subreaper()
    chosen = choices(arguments.seed)
    node = Node(f"chaos{os.getpid()}", work, tally, arguments.many)
    phases = Phases(arguments.kills)
    judge = Judge(node, tally, phases)
    killer = Killer(node, judge, tally, chosen, phases)
    progress = Progress(tally)
    began, told_to_end = time.monotonic(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told_to_end.set())
    try:
        whole = judge.settle(0)
        crowd = Crowd(node, tally, arguments.seed)
        settle_at = 0
        while whole and killer.kills < arguments.kills and not told_to_end.is_set():
            if time.monotonic() - began > arguments.seconds:
                break
            starts_again = killer.burst()
            time.sleep(chosen.choice(_PAUSES_S))
            if starts_again or node.ended() is not None or killer.kills >= settle_at:
                settle_at = killer.kills + _SETTLE_EVERY
                whole = judge.settle(killer.kills)
                progress.tell(killer.kills)
        crowd.stop()
        judge.settle(killer.kills)
        judge.judge_growth()
    finally:
        node.stop()
    node.judge()
    tally.count("kills", killer.kills)
    tally.count("seconds", int(time.monotonic() - began))
    return judge.growth()


def _table(tally: Tally, growth: list[Growth]) -> str:
    lines = [f"| {what:<48} | {count:>16} |" for what, count in sorted(tally.counts.items())]
    lines += [f"| {kind:<48} | {tally.violated(kind):>16} |" for kind in _FORBIDDEN]
    lines += [f"| {row.what_and_when:<48} | {row.figures:>16} |" for row in growth]
    return "\n".join(lines)


_FORBIDDEN: Final = (
    "supervisor ended by itself",
    "gateway ended by itself",
    "orphan",
    "hung caller",
    "wrong answer",
    "lost effect",
    "applied twice",
    "not whole again",
    "growth",
)


if __name__ == "__main__":
    sys.exit(main())
