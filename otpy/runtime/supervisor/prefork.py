"""Workers before they are any child: forked ahead when many are about to start.

Between two forks a supervisor writes to its memory, and each page that it writes is lost to
sharing: the child forked before keeps the old page for itself. So when a thousand children are
to start, a batch of processes is forked with nothing in between, and each becomes a child when
its turn comes. Init still runs one after the other, in order; and at rest there is no such
process.
"""

import contextlib
import os
import resource
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from otpy.runtime.child_pipes import Pipes, open_pipes
from otpy.runtime.counters import Board
from otpy.system.descriptor import Descriptor
from otpy.system.spawn import fork_watched
from otpy.system.wait import reap, send_signal

BATCH: Final = 256
"""How many are forked at once, at most."""

_WHILE_FORKING: Final = 5
"""Descriptors that one takes until it has its ends of the pipes, and its supervisor its pidfd."""

_RESERVE: Final = 16
"""Descriptors that are left for everything else that a supervisor does while its children boot."""


@dataclass(frozen=True, slots=True)
class SpareProcess:
    """A process that waits to be told which child it is."""

    pid: int
    pidfd: Descriptor
    pipes: Pipes
    gauge: memoryview

    @property
    def alive(self) -> bool:
        """Whether nobody has killed it."""
        return (
            os.waitid(os.P_PIDFD, self.pidfd.fileno(), os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        )

    def end(self) -> None:
        """Kill it, and give everything back."""
        send_signal(self.pidfd, 9)
        reap(self.pid)
        self.pidfd.close()
        self.pipes.close_ours()


class PreforkPool:
    """Forks spares, a batch at a time.

    Args:
        main: Is a spare, in the forked process, given its pipes and its gauge; tells its exit
            status.
        board: Where the gauges are from.

    Attributes:
        pids: Of the spares that wait.
    """

    def __init__(self, main: Callable[[Pipes, memoryview], int], board: Board) -> None:
        self._main, self._board = main, board
        self._spares: deque[SpareProcess] = deque()
        self.pids: set[int] = set()

    def take(self, count_ahead: Callable[[], int]) -> SpareProcess:
        """Take a spare.

        Args:
            count_ahead: Returns how many more will be needed soon; called when there is none.

        Raises:
            OSError: There are too many processes or open files, or there is no memory.
        """
        while self._spares:
            spare = self._spares.popleft()
            self.pids.remove(spare.pid)
            if spare.alive:
                return spare
            self.discard(spare)
        ahead = count_ahead()
        first, *rest = self._fork(1 + (min(ahead, BATCH - 1, _room()) if ahead else 0))
        self._spares.extend(rest)
        self.pids.update(spare.pid for spare in rest)
        return first

    def ended(self, pid: int) -> None:
        """Reap a spare that somebody has killed."""
        (dead,) = (spare for spare in self._spares if spare.pid == pid)
        self._spares.remove(dead)
        self.pids.remove(pid)
        self.discard(dead)

    def kill_spares(self) -> None:
        """End the spares that nobody needed."""
        while self._spares:
            self.discard(self._spares.popleft())
        self.pids.clear()

    def discard(self, spare: SpareProcess) -> None:
        """End one that cannot be used."""
        spare.end()
        self._board.give_back(spare.gauge)

    def _fork(self, count: int) -> list[SpareProcess]:
        pipes = _open_up_to(count)
        gauges: list[memoryview] = []
        watched: list[tuple[int, Descriptor]] = []
        try:
            gauges.extend(self._board.take() for _ in pipes)
            mains = [partial(self._main, *own) for own in zip(pipes, gauges, strict=True)]
            watched = fork_watched(mains)
        finally:
            for unused in pipes[len(watched) :]:
                unused.close()
            for free in gauges[len(watched) :]:
                self._board.give_back(free)
        for each in pipes[: len(watched)]:
            each.close_theirs()
        own = zip(watched, pipes, gauges, strict=False)
        return [SpareProcess(*ids, each, gauge) for ids, each, gauge in own]


def _room() -> int:
    """Return how many may be forked ahead: a system of few descriptors needs them for the boot."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        free = limit - sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return 0
    return max(0, (free - _RESERVE) // _WHILE_FORKING)


def _open_up_to(count: int) -> list[Pipes]:
    """Open the pipes of `count` spares, or of fewer if there are too many open files."""
    pipes = [open_pipes(output=True)]
    with contextlib.suppress(OSError):
        pipes.extend(open_pipes(output=True) for _ in range(count - 1))
    return pipes
