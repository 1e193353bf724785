"""Workers before they are any child: forked ahead when many are about to start.

Between two forks a supervisor writes to its memory, and each page that it writes is lost to
sharing: the child forked before keeps the old page for itself. So when a thousand children are
to start, a batch of processes is forked with nothing in between, and each becomes a child when
its turn comes. Init still runs one after the other, in order.

A supervisor of few workers forks them itself, and at rest has no such process. One of many has a
fork server do it (`otpy.system.fork_server`), and one process ahead at any time.

Each of them can be any child. One that is to be a certain child and has imported its module is a
spare: see `otpy.runtime.supervisor.spares`.
"""

import contextlib
import os
import resource
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Final

from otpy.runtime.child_pipes import Pipes, open_pipes
from otpy.runtime.counters import CounterPage
from otpy.system.descriptor import Descriptor
from otpy.system.fork_server import MOST, Ends, ForkServer, Job, ServerGone
from otpy.system.spawn import fork_watched
from otpy.system.wait import reap, send_signal
from otpy.wire.control import Assignment, Prepare

BATCH: Final = MOST
"""How many are forked at once, at most."""

MANY: Final = 64
"""From so many workers on a fork server forks them; with half as many it is ended."""

_WHILE_FORKING: Final = 7
"""Descriptors that one takes until it has its ends of the pipes, and its supervisor its pidfd."""

_RESERVE: Final = 16
"""Descriptors that are left for everything else that a supervisor does while its children boot."""


@dataclass(frozen=True, slots=True)
class PreforkedProcess:
    """A process that waits to be told which child it is.

    Attributes:
        slot: The number of its counters.
        knows: It was forked with what it is to be, and is not to be told.
    """

    pid: int
    pidfd: Descriptor
    pipes: Pipes
    slot: int
    knows: bool = False

    @property
    def alive(self) -> bool:
        """Whether it has neither ended nor been stopped by a signal."""
        looked_for = os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PIDFD, self.pidfd.fileno(), looked_for) is None

    def end(self) -> None:
        """Kill it, and release its resources."""
        send_signal(self.pidfd, 9)
        reap(self.pid)
        self.pidfd.close()
        self.pipes.close_ours()


class _Batch:
    """The pipes and counters of several processes before they are forked.

    Raises:
        OSError: There are too many open files for the first, or there is no memory. With too many
            for one of those after it, it is of fewer.
    """

    def __init__(self, count: int, counter_page: CounterPage) -> None:
        self._counter_page = counter_page
        self._own = [self._one()]
        with contextlib.suppress(OSError):
            self._own.extend(self._one() for _ in range(count - 1))

    def _one(self) -> tuple[Pipes, int]:
        slot = self._counter_page.allocate()
        try:
            return open_pipes(output=True), slot
        except OSError:
            self._counter_page.free(slot)
            raise

    @property
    def jobs(self) -> list[Job]:
        """The counter slot of each, and its ends of the pipes."""
        return [(slot, _ends(pipes)) for pipes, slot in self._own]

    def close_theirs(self) -> None:
        """Close the children's ends after the fork."""
        for pipes, _ in self._own:
            pipes.close_theirs()

    def processes(
        self, forked: list[tuple[int, Descriptor]], knowing: int = 0
    ) -> list[PreforkedProcess]:
        """Return those of which there is a process; give back what the others do not need.

        Args:
            forked: Their pids and pidfds.
            knowing: How many of them, the first ones, were forked with what they are to be.
        """
        self._give_back(self._own[len(forked) :])
        own = zip(forked, self._own, strict=False)
        return [
            PreforkedProcess(pid, pidfd, pipes, slot, number < knowing)
            for number, ((pid, pidfd), (pipes, slot)) in enumerate(own)
        ]

    def release(self) -> None:
        """There will be no process; `close_theirs` was called."""
        self._give_back(self._own)

    def _give_back(self, unused: list[tuple[Pipes, int]]) -> None:
        for pipes, slot in unused:
            pipes.close_ours()
            self._counter_page.free(slot)


class PreforkPool:
    """Forks processes ahead, a batch at a time.

    Args:
        main: Is a worker, in the process forked here, given the number of its counters, its ends
            of the pipes, and what it is to be if that is known; returns its exit status.
        counter_page: Where the counters are allocated.
        server: Forks them where there are many.

    Attributes:
        has_spares: Some of them are kept as spares: the fork server stays, for these.
    """

    def __init__(
        self,
        main: Callable[[int, Ends, Assignment | Prepare | None], int],
        counter_page: CounterPage,
        server: ForkServer,
    ) -> None:
        self._main, self._counter_page, self._server = main, counter_page, server
        self._ahead: deque[PreforkedProcess] = deque()
        self._pids: set[int] = set()
        self._ordered: _Batch | None = None
        self.has_spares = False

    @property
    def pids(self) -> set[int]:
        """Of the processes that wait, and of the fork server."""
        self._collect()
        return self._pids if self._server.pid is None else self._pids | {self._server.pid}

    def take(
        self, order: Assignment | Prepare, siblings: int, count_ahead: Callable[[], int]
    ) -> PreforkedProcess:
        """Return a process that was forked ahead, or is forked now.

        Args:
            order: What the process is to be; one that is forked here and now inherits it.
            siblings: How many workers there are already.
            count_ahead: Returns how many more will be needed soon; called when there is none.

        Raises:
            OSError: There are too many processes or open files, or there is no memory.
        """
        return self._next() or self._fork(order, siblings, count_ahead())

    def take_for_later(self, order: Prepare) -> PreforkedProcess:
        """Return a process for a spare: as `take`, but forked by the fork server.

        What this process writes to after a fork is copied page by page, and that would be what the
        next recovery writes to: the one that the spare is to make short.
        """
        if (process := self._next()) is not None:
            return process
        (first,) = self._fork_by_server(1) or self._fork_here(order, 1)
        return first

    def refill(self, siblings: int, count_ahead: Callable[[], int]) -> None:
        """Order the next ones, forked while this process does something else, if there are many.

        Args:
            siblings: How many workers there are now.
            count_ahead: As of `take`.
        """
        if not self._ahead and self._ordered is None and siblings > MANY // 2:
            ahead = count_ahead()
            has_server = self._server.pid is not None and not self.has_spares
            if has_server or siblings + ahead > MANY:
                self._order_ahead(max(1, min(ahead, BATCH)))

    def ended(self, pid: int) -> bool:
        """Reap one that waits, or the fork server: it was killed; return whether `pid` was one."""
        if pid == self._server.pid:
            self._collect()
            self._server.end()
            return True
        dead = next((process for process in self._ahead if process.pid == pid), None)
        if dead is not None:
            self._ahead.remove(dead)
            self._pids.remove(pid)
            self.discard(dead)
        return dead is not None

    def on_idle(self) -> None:
        """End those that are not needed soon."""
        self._end_all_but(0 if self._server.pid is None else 1)

    def end_all(self) -> None:
        """End all that wait."""
        self._collect()
        self._end_all_but(0)

    def close(self) -> None:
        """End all that wait and the fork server; they are forked again when they are needed."""
        self.end_all()
        self._server.end()

    def shrunk(self, siblings: int) -> None:
        """Do without the fork server if few workers are left."""
        if self._server.pid is not None and siblings < MANY // 2 and not self.has_spares:
            self.close()

    def discard(self, process: PreforkedProcess) -> None:
        """End one that cannot be used."""
        process.end()
        self._counter_page.free(process.slot)

    def _end_all_but(self, left: int) -> None:
        while len(self._ahead) > left:
            process = self._ahead.pop()
            self._pids.remove(process.pid)
            self.discard(process)

    def _next(self) -> PreforkedProcess | None:
        self._collect()
        while self._ahead:
            process = self._ahead.popleft()
            self._pids.remove(process.pid)
            if process.alive:
                return process
            self.discard(process)
        return None

    # ---- forking -----------------------------------------------------------------------------

    def _fork(self, order: Assignment | Prepare, siblings: int, ahead: int) -> PreforkedProcess:
        count = 1 + (min(ahead, BATCH - 1, _room()) if ahead else 0)
        processes: list[PreforkedProcess] = []
        has_server = self._server.pid is not None and not self.has_spares
        if has_server or siblings + ahead >= MANY:
            processes = self._fork_by_server(count)
        first, *rest = processes or self._fork_here(order, count)
        self._keep(rest)
        return first

    def _fork_by_server(self, count: int) -> list[PreforkedProcess]:
        """Return processes; none if the server ends before it has forked them."""
        try:
            batch = self._order(count)
        except ServerGone:
            return []
        try:
            return batch.processes(self._server.collect())
        except ServerGone:
            batch.release()
            return []
        except OSError:
            batch.release()
            raise

    def _fork_here(self, order: Assignment | Prepare, count: int) -> list[PreforkedProcess]:
        """Return processes, the first of which knows its order: nothing is to be sent to it."""
        batch = _Batch(count, self._counter_page)
        forked: list[tuple[int, Descriptor]] = []
        known = chain((order,), repeat(None))
        try:
            mains = zip(batch.jobs, known, strict=False)
            forked = fork_watched([partial(self._main, *job, own) for job, own in mains])
        finally:
            batch.close_theirs()
            if not forked:
                batch.release()
        return batch.processes(forked, knowing=1)

    def _order_ahead(self, count: int) -> None:
        """Order processes, forked while this process does something else, if there is room."""
        if (count := min(count, _room())) > 0:
            with contextlib.suppress(OSError, ServerGone):
                self._ordered = self._order(count)

    def _order(self, count: int) -> _Batch:
        batch = _Batch(count, self._counter_page)
        is_ordered = False
        try:
            self._server.order(batch.jobs)
            is_ordered = True
        finally:
            batch.close_theirs()
            if not is_ordered:
                batch.release()
        return batch

    def _collect(self) -> None:
        """Collect those that were ordered; if that fails, they are forked when needed."""
        if (batch := self._ordered) is None:
            return
        self._ordered = None
        try:
            self._keep(batch.processes(self._server.collect()))
        except (OSError, ServerGone):
            batch.release()

    def _keep(self, processes: list[PreforkedProcess]) -> None:
        self._ahead.extend(processes)
        self._pids.update(process.pid for process in processes)


def _ends(pipes: Pipes) -> Ends:
    return pipes.their_control, *pipes.their_output


def _room() -> int:
    """Return how many may be forked ahead: a system of few descriptors needs them for the boot."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        free = limit - _open_files()
    except OSError:
        return 0
    return max(0, (free - _RESERVE) // _WHILE_FORKING)


def _open_files() -> int:
    """Count the descriptors of this process; from Linux 6.2 on the kernel does."""
    folder = Path("/proc/self/fd")
    return folder.stat().st_size or sum(1 for _ in folder.iterdir())
