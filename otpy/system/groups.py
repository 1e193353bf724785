"""Which processes belong together, and what they use, as /proc tells it.

The group of a child is its process and all that this has started: what is in its session, what is
below it, and a daemon that it left (which has its mark, and a supervisor as its parent). The group
of a supervisor, or of the node, is itself with its helpers, which are in its session: each of its
children is a group of its own. So no process is in two groups, and the groups of a tree add up.
"""

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from otpy.system.marks import marked_process, marks_of
from otpy.system.memory import proportional, resident
from otpy.system.procfs import TICKS, stat_fields


class Memory(NamedTuple):
    """What processes have together.

    Attributes:
        size: Bytes: their proportional set size (PSS), and what was swapped out.
        is_exact: False if one of them may not be looked at: what it shares counts in full (RSS).
    """

    size: int
    is_exact: bool


class Seen(NamedTuple):
    """A process at one moment.

    Attributes:
        parent: The pid of its parent.
        session: The pid of its session's leader.
        started: When it started, in ticks since the machine did.
        cpu: The seconds of processor time that it has used.
    """

    parent: int
    session: int
    started: int
    cpu: float


def seen_processes() -> dict[int, Seen]:
    """Look at every process that there is, by pid; those that may not be seen are left out."""
    found = {}
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        stat = stat_fields(pid)
        if stat is not None:
            used = (int(stat[11]) + int(stat[12])) / TICKS
            found[pid] = Seen(int(stat[1]), int(stat[3]), int(stat[19]), used)
    return found


class Groups:
    """The groups of a node's processes, at one moment.

    Args:
        children: The pids of workers and commands.
        supervisors: The pids of supervisors, and of the node.
        others: Pids that are no part of another's group: spares.
        seen: All processes.
    """

    def __init__(
        self,
        children: Iterable[int],
        supervisors: Iterable[int],
        others: Iterable[int] = (),
        seen: Mapping[int, Seen] | None = None,
    ) -> None:
        self.seen = seen_processes() if seen is None else seen
        self._children, self._supervisors = frozenset(children), frozenset(supervisors)
        self._alone = frozenset(others)
        self._pids: dict[int, list[int]] = {}
        owners: dict[int, int] = {}
        for pid in self.seen:
            if owner := self._owner_of(pid, owners):
                self._pids.setdefault(owner, []).append(pid)

    def _owner_of(self, pid: int, owners: dict[int, int]) -> int:
        """Return the pid of the group that a process is in, 0 if it is in none."""
        way = []
        while pid not in owners:
            way.append(pid)
            found = self._owner_by_itself(pid)
            owners[pid] = found or 0  # at once: pids that were used again may form a circle
            if found is None:
                pid = self.seen[pid].parent
        for each in way:
            owners[each] = owners[pid]
        return owners[pid]

    def _owner_by_itself(self, pid: int) -> int | None:
        """Return it if no other process has to be looked at."""
        if pid in self._children or pid in self._supervisors or pid in self._alone:
            return pid
        process = self.seen.get(pid)
        if process is None:
            return 0
        if process.session in self._children:
            return process.session
        if process.parent in self._supervisors:
            near = self.seen.get(process.parent)
            is_helper = near is not None and near.session == process.session
            return process.parent if is_helper else self._marked_owner(pid)
        return None

    def _marked_owner(self, pid: int) -> int:
        try:
            marks = [marked_process(word) for word in marks_of(pid)]
        except OSError:
            marks = []
        known = (each[0] for each in marks if each and each[0] in self._children)
        return next(known, self.seen[pid].parent)

    def pids(self, pid: int) -> list[int]:
        """Return the pids of the group of a process."""
        return self._pids.get(pid, [])

    def cpu(self, pid: int) -> dict[tuple[int, int], float]:
        """Return the processor time of each process of a group, by its pid and its start."""
        group = ((each, self.seen[each]) for each in self.pids(pid))
        return {(each, process.started): process.cpu for each, process in group}

    def memory(self, pid: int) -> Memory | None:
        """Return what the group of a process has in memory; None if nothing is known of it.

        The kernel looks at every page of each process for that, which takes its time.
        """
        return memory_together(self.pids(pid))


def memory_together(pids: Iterable[int]) -> Memory | None:
    """Return what some processes have in memory together; None if nothing is known of any."""
    size, is_exact, is_known = 0, True, False
    for pid in pids:
        found = proportional(pid)
        if found is None:  # another user's, a set-uid program: not ours to see in detail
            found = resident(pid)
            is_exact = is_exact and not found  # it has just ended
        if found is not None:
            size, is_known = size + found, True
    return Memory(size, is_exact) if is_known else None
