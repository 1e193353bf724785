"""Whether the node is whole again, and whether what it needs stays the same."""

import os
import time
from statistics import median
from typing import Final

from scripts.chaoslib.node import Node
from scripts.chaoslib.processes import below, memory, open_files, reap_adopted
from scripts.chaoslib.tally import Tally
from scripts.chaoslib.tree import STATIC

WAIT_S: Final = 60.0
_LOOK_S: Final = 0.02
_MEASURED: Final = ("node", "gateway", "root")
_FIRST_KILLS: Final = 1000
_GROWTH: Final = 1.1
_GROWTH_KIB: Final = 1024


class Judge:
    """Looks at the node whenever it is at rest.

    Args:
        node: The node.
        tally: Where what must not be is noted.
    """

    def __init__(self, node: Node, tally: Tally) -> None:
        self._node, self._tally = node, tally
        self._samples: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def settle(self, kills: int) -> bool:
        """Wait until everything runs again, measure, and return whether it does."""
        until = time.monotonic() + WAIT_S
        missing = self._missing()
        while missing and time.monotonic() < until:
            time.sleep(_LOOK_S)
            missing = self._missing()
        if missing:
            self._tally.violate("not whole again", f"within {WAIT_S:g} s: {missing}")
            return False
        self._measure(kills)
        return True

    def _missing(self) -> list[str]:
        """Return what should run and does not, and what should not be there and is."""
        if self._node.ended() is not None:
            return [f"the node, which ended with {self._node.ended()}"]
        self._node.judge()
        if not self._node.booted:
            return ["NodeStarted"]
        reap_adopted(self._node.pid)
        processes = self._node.processes()
        titles = {p.title for p in processes if p.state != "Z"}
        parents = {p.pid: p.title for p in processes}
        zombies = [
            f"zombie {p.pid} of {parents.get(p.parent, 'the script')} ({p.parent})"
            for p in processes
            if p.state == "Z"
        ]
        orphans = [
            f"orphan {p.pid} {p.title}"
            for p in processes
            if p.parent == os.getpid() and p.pid != self._node.pid
        ]
        return [*sorted(STATIC - titles), *zombies, *orphans]

    def _measure(self, kills: int) -> None:
        pids = {p.title: p.pid for p in below(self._node.pid).values()}
        pids["node"] = self._node.pid
        for name in _MEASURED:
            try:
                figures = {"open files": open_files(pids[name]), **memory(pids[name])}
            except (OSError, KeyError):
                continue  # killed meanwhile
            for what, figure in figures.items():
                self._samples.setdefault((name, what), []).append((kills, figure))

    def growth(self) -> list[tuple[str, str, int, int]]:
        """Return process, figure, its median in the first 1,000 kills after 1,000, and at the end.

        With fewer kills, the first half stands beside the second.
        """
        rows = []
        for (name, what), samples in self._samples.items():
            late = [sample for sample in samples if sample[0] >= _FIRST_KILLS] or samples
            third = max(1, len(late) // 3)
            first, last = late[:third], late[-third:]
            rows.append(
                (name, what, int(median(f for _, f in first)), int(median(f for _, f in last)))
            )
        return rows

    def judge_growth(self, kills: int) -> None:
        """Note what has grown, if there were kills enough to tell."""
        if kills < 3 * _FIRST_KILLS:
            return
        for name, what, first, last in self.growth():
            most = first + 4 if what == "open files" else _GROWTH * first + _GROWTH_KIB
            if last > most:
                self._tally.violate("growth", f"{what} of {name}: {first}, then {last}")
