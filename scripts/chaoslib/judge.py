"""Whether the node is whole again, and whether what it needs stays the same."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from scripts.chaoslib.node import Node
from scripts.chaoslib.phases import FIRST_KILLS, MEASURED, Phases
from scripts.chaoslib.processes import Process, below, memory, open_files, reap_adopted
from scripts.chaoslib.tally import Tally

WAIT_S: Final = 120.0
_LOOK_S: Final = 0.02
_MORE_FILES: Final = 4
"""Descriptors: what happens to be under way when it is looked."""

_MORE_KIB: Final = 512
"""Anonymous memory: PSS and USS change with every fork and end of a process that shares pages.

All that is bounded is full by then: 1,000 events, 1,024 ends, 1,000 numbers of children that are
gone, what clients and links buffer. What remains is the allocator: pools of 16 KiB that one object
keeps, a heap that is cut into other pieces. In a run of 10,000 kills the two medians are some
3,300 kills apart: a leak of 160 bytes a kill is over the limit.
"""


@dataclass(frozen=True, slots=True)
class Growth:
    """How something grew while there were kills.

    Attributes:
        from_kill: The first of them.
        first: The median in the first third of them.
        last: That in the last third.
    """

    process: str
    what: str
    from_kill: int
    to_kill: int
    first: int
    last: int

    @property
    def grew(self) -> bool:
        """Return whether it grew."""
        if self.what == "open files":
            return self.last > self.first + _MORE_FILES
        return self.what == "anonymous" and self.last > self.first + _MORE_KIB

    @property
    def what_and_when(self) -> str:
        """Return what it is, and between which kills it was measured."""
        return f"{self.process}: {self.what}, kills {self.from_kill} to {self.to_kill}"

    @property
    def figures(self) -> str:
        """Write both medians."""
        unit = "" if self.what == "open files" else " KiB"
        return f"{self.first}, {self.last}{unit}"


class Judge:
    """Looks at the node whenever it is at rest.

    Args:
        node: The node.
        tally: Where what must not be is noted.
        phases: When node, gateway and root live for long.
    """

    def __init__(self, node: Node, tally: Tally, phases: Phases) -> None:
        self._node, self._tally, self._phases = node, tally, phases
        self._samples: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._orphans: set[int] = set()

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
        self._judge_orphans(processes)
        return [*sorted(self._node.static - titles), *zombies]

    def _judge_orphans(self, processes: Sequence[Process]) -> None:
        """Note what an earlier run has left; as long as a node lives, nothing else falls to us."""
        for process in processes:
            ours = process.parent == os.getpid() and process.pid != self._node.pid
            if ours and process.state != "Z" and process.pid not in self._orphans:
                self._orphans.add(process.pid)
                what = f"{process.pid} {process.title} runs since before the node was started again"
                self._tally.violate("orphan", what)

    def _measure(self, kills: int) -> None:
        pids = {p.title: p.pid for p in below(self._node.pid).values()}
        pids["node"] = self._node.pid
        for name in MEASURED:
            try:
                figures = {"open files": open_files(pids[name]), **memory(pids[name])}
            except (OSError, KeyError):
                continue  # killed meanwhile
            for what, figure in figures.items():
                self.note(kills, name, what, figure)

    def note(self, kills: int, process: str, what: str, figure: int) -> None:
        """Note a figure that was measured after so many kills."""
        self._samples.setdefault((process, what), []).append((kills, figure))

    def growth(self) -> list[Growth]:
        """Return how what is measured grew while it was spared, after the first 1,000 kills.

        In a short run, where nothing is spared, in all of it.
        """
        rows = []
        for (name, what), samples in self._samples.items():
            late = [sample for sample in samples if self._counts(sample[0])] or samples
            third = max(1, len(late) // 3)
            first, last = (
                int(median(f for _, f in part)) for part in (late[:third], late[-third:])
            )
            rows.append(Growth(name, what, late[0][0], late[-1][0], first, last))
        return rows

    def _counts(self, kills: int) -> bool:
        return all(self._phases.spares_node(each) for each in (kills - FIRST_KILLS, kills - 1))

    def judge_growth(self) -> None:
        """Note what has grown, if there were kills enough to tell."""
        for row in self.growth():
            if (
                row.to_kill - row.from_kill >= FIRST_KILLS
                and self._counts(row.from_kill)
                and row.grew
            ):
                self._tally.violate("growth", f"{row.what_and_when}: {row.figures}")
