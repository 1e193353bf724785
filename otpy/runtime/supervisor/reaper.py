"""Reaps every child of a supervisor, and ends what the dead ones have left behind.

A supervisor is a subreaper (PR_SET_CHILD_SUBREAPER): what a child's end orphans, in whatever group
or session it is, falls to it in the moment of that end, before the end can be seen. So what a
child left behind is among the supervisor's own children, and "nothing is left" is a fact.

- What is dead is reaped at once, whatever it was.
- Of a dead worker, the process group is waited for before its end is reported; all else that it
  left is ended before anything is started again.
- Of a dead supervisor, its workers die with it (PR_SET_PDEATHSIG), and the supervisors below it
  stop in order by themselves. Its end is reported when nothing of its subtree is left.
- What a *living* worker orphaned is left alone: it is in the worker's session, or carries its mark.
- A helper (`otpy.runtime.supervisor.helpers`) is no child: whatever started it reaps it.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from otpy.runtime.supervisor.child import Child
from otpy.system.children import ChildList, child_signals, dead_child, take_signals
from otpy.system.loop import Loop, Timer
from otpy.system.marks import NO_INCARNATION, marked_process, marks_of
from otpy.system.memory import descendants
from otpy.system.procfs import boot_time, command_line, started_before
from otpy.system.wait import kill_group, left_in_group, may_signal
from otpy.system.warnings import calm, warn, warn_once

_AT_ONCE: Final = 256
_AGAIN_S: Final = 0.2
_PATIENCE_S: Final = 5.0
_TRACKER: Final = b"multiprocessing.resource_tracker import main"
_CANNOT_LOOK: Final = "what dead children left behind"


class ForkedAhead(Protocol):
    """Processes that were forked ahead, and are no children yet; and what forks them."""

    @property
    def pids_ahead(self) -> Container[int]:
        """Their pids."""

    def ended_ahead(self, pid: int) -> bool:
        """Reap one and release its resources; return whether `pid` was one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    """An action that waits for the end of some processes."""

    is_over: Callable[[], bool]
    then: Callable[[], None]
    impatience: Timer


class Reaper:
    """Reaps, and ends what is left behind.

    Args:
        loop: Where it waits.
        supervised: The supervisor's own children, by pid, until they are reaped.
        on_exit: Reaps a supervised child that has ended, and takes it out of `supervised`.
        ahead: The processes that were forked ahead.
        preexisting_children: Children of this process that it did not start: reaped, not ended.

    Attributes:
        looks_again: Whether it reaps what is dead once what is ready now has been handled.

    Raises:
        OSError: There are too many open files, or there is no memory.
    """

    def __init__(
        self,
        loop: Loop,
        supervised: Mapping[int, Child],
        on_exit: Callable[[Child], None],
        ahead: ForkedAhead,
        preexisting_children: set[int] | None = None,
    ) -> None:
        self._loop, self._supervised, self._on_exit = loop, supervised, on_exit
        self._ahead = ahead
        self._preexisting: set[int] = (
            set() if preexisting_children is None else preexisting_children
        )
        self._signals = child_signals()
        self._list = ChildList()
        self.looks_again = False
        self._may_be_left = False
        self._since = float("inf")
        """When the earliest of those that ended was started: older processes are not theirs."""
        self._ending: set[int] = set()
        self._untouchable: set[int] = set()
        self._trackers: dict[int, Timer | None] = {}
        """Resource trackers of dead children, and when they are killed; None once they were."""
        self._killed: set[int] = set()
        """Leaders of groups whose budget is over, or that have none."""
        self._subtrees: set[int] = set()
        """Supervisors below dead ones: they stop by themselves."""
        self._stopping: set[int] = set()
        self._owners: dict[int, tuple[tuple[int, int], ...]] = {}
        self._helpers: dict[int, tuple[float, Callable[[], None]]] = {}
        self._waiting: list[_Wait] = []
        loop.watch(self._signals, lambda _events: self._look())

    # ---- waiting -----------------------------------------------------------------------------

    def after(self, child: Child, then: Callable[[], None]) -> None:
        """Call `then` when the group of `child`, which is reaped, or its whole subtree, is gone."""
        self._may_be_left = True
        self._since = min(self._since, child.born)
        if child.is_supervisor:
            self._subtrees.update(child.supervisors.values())
            self._wait(self._subtree_is_gone, partial(self._subtree_ended, child, then))
        else:
            self._killed.add(child.pid)
            self.after_group(child.pid, then)

    def _subtree_ended(self, child: Child, then: Callable[[], None]) -> None:
        # A process that gets one of these pids from now on is no supervisor of ours.
        self._subtrees.difference_update(child.supervisors.values())
        then()

    def after_group(self, leader: int, then: Callable[[], None]) -> None:
        """Call `then` when nothing is left of the group of a child that is reaped."""
        self._wait(lambda: self._group_is_gone(leader), then)

    def kill_group(self, leader: int) -> None:
        """Kill what is left of the group of a child that is reaped; what may not be is let be."""
        if not left_in_group(leader):
            return
        self._killed.add(leader)
        self._kill_left(leader)
        self._loop.call_soon(self._settle)

    def leave_alone(self, pid: int) -> None:
        """Wait no more for a child that may not be killed; it is reaped when it ends."""
        self._untouchable.add(pid)

    def killed(self, pid: int) -> None:
        """Wait for the end of a process that was forked ahead, and has been killed."""
        self._ending.add(pid)

    def look_for_left(self, born: float) -> None:
        """Look for what a process has left behind that was forked ahead, and has ended.

        Args:
            born: The `boot_time` from which on it can have started other processes.
        """
        self._may_be_left = True
        self._since = min(self._since, born)
        self._loop.call_soon(self._try_again)

    def clear(self, then: Callable[[], None]) -> None:
        """Call `then` when nothing is left of the children that have ended."""
        self._wait(self._is_clear, then)

    def after_all(self, then: Callable[[], None]) -> None:
        """Call `then` when nothing is left of anything: the supervisor itself ends."""
        self._may_be_left = True
        self._wait(self._subtree_is_gone, then)

    def kill_stopping(self) -> None:
        """Kill the supervisors that dead ones have left behind, and that stop by themselves."""
        for pid in tuple(self._stopping):
            self._stopping.discard(pid)
            self._end(pid)

    def watch_helper(self, pid: int, reap: Callable[[], None]) -> None:
        """Call `reap`, which has to reap the helper `pid`, when that has ended."""
        self._helpers[pid] = (boot_time(), reap)

    def await_helper(self, pid: int) -> None:
        """Start nothing before the helper `pid`, which was killed, is gone."""
        self._ending.add(pid)

    def processes_of(self, child: Child) -> set[int]:
        """Return the pids of a child that runs and of what it has started, orphaned or not."""
        try:
            adopted = set(self._list.read()).difference(self._supervised)
        except OSError:
            adopted = set()
        owner = (child.pid, child.incarnation)
        orphans = [
            pid for pid in adopted if _session_of(pid) == child.pid or owner in _owners_of(pid)
        ]
        return {each for pid in (child.pid, *orphans) for each in descendants(pid)}

    def scan(self) -> None:
        """End what is left, if a child has ended since the last time."""
        if self._may_be_left:
            self._scan()

    def _wait(self, is_over: Callable[[], bool], then: Callable[[], None]) -> None:
        if is_over():
            then()
            return
        impatience = self._loop.call_later(_PATIENCE_S, self._still_there)
        self._waiting.append(_Wait(is_over, then, impatience))

    def _settle(self) -> None:
        for wait in tuple(self._waiting):
            if wait.is_over():
                self._waiting.remove(wait)
                wait.impatience.cancel()
                wait.then()

    def _group_is_gone(self, leader: int) -> bool:
        gone = not left_in_group(leader) or (leader in self._killed and self._kill_left(leader))
        if gone:
            self._killed.discard(leader)
        return gone

    def _kill_left(self, leader: int) -> bool:
        """Kill the group of a dead child; return whether all that is left may not be killed.

        Python's resource trackers clean up when all others have ended, and end then.
        """
        try:
            left = {pid for pid in self._list.read() if os.getpgid(pid) == leader}
            trackers = {pid for pid in left if self._is_tracker(pid)}
        except OSError:
            left, trackers = set(), set()
        if not trackers:
            kill_group(leader)
        for pid in left - trackers if trackers else ():
            with contextlib.suppress(PermissionError):
                os.kill(pid, signal.SIGKILL)
        theirs = {pid for pid in left if not may_signal(pid)}
        for pid in theirs - self._untouchable:
            self._untouchable.add(pid)
            warn(f"cannot end process {pid}: that is not permitted, and it runs on")
        return bool(left) and left == theirs

    def _is_tracker(self, pid: int) -> bool:
        """Return whether it is a resource tracker that still has time to clean up."""
        if pid not in self._trackers:
            if _TRACKER not in command_line(pid):
                return False
            late = partial(self._kill_tracker, pid)
            self._trackers[pid] = self._loop.call_later(_PATIENCE_S, late)
        return self._trackers[pid] is not None

    def _kill_tracker(self, pid: int) -> None:
        """Kill a resource tracker that waits for a descriptor that another process holds."""
        self._trackers[pid] = None
        os.kill(pid, signal.SIGKILL)

    def _is_clear(self) -> bool:
        if self._may_be_left:
            self._scan()
        if self._may_be_left or self._ending:
            return False
        self._since = float("inf")
        return True

    def _subtree_is_gone(self) -> bool:
        return self._is_clear() and not self._stopping

    def _still_there(self) -> None:
        left = sorted(self._ending) or sorted(self._stopping)
        if left:
            pids = ", ".join(map(str, left[:10]))
            warn(f"processes that were left behind do not end, and are waited for: {pids}")

    # ---- reaping -----------------------------------------------------------------------------

    def _look(self) -> None:
        """Reap what is dead."""
        take_signals(self._signals)
        self.looks_again = False
        for _ in range(_AT_ONCE):
            pid = dead_child()
            if pid is None:
                break
            if (child := self._supervised.get(pid)) is not None:
                # Only one: what follows, restarts among it, is not to keep the loop from the rest.
                self._on_exit(child)
                self.look_soon()
                break
            self._reap(pid)
        else:
            self.look_soon()
        self._settle()

    def look_soon(self) -> None:
        """Reap what is dead once what is ready now has been handled."""
        if not self.looks_again:
            self.looks_again = True
            self._loop.call_soon(self._look)

    def _reap(self, pid: int) -> None:
        if pid in self._ahead.pids_ahead and self._ahead.ended_ahead(pid):
            self._ending.discard(pid)
            return
        if (helper := self._helpers.pop(pid, None)) is not None:
            born, reap = helper
            reap()
            self._ending.discard(pid)
            self._may_be_left, self._since = True, min(self._since, born)
            self._loop.call_soon(self.scan)
            return
        # What forks ahead may have been found dead, and reaped, in this moment.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if pid in self._ending or pid in self._stopping:
            self._may_be_left = True  # its children fall to us now
        for known in (self._ending, self._stopping, self._subtrees, self._untouchable):
            known.discard(pid)
        self._preexisting.discard(pid)
        self._owners.pop(pid, None)
        if (timer := self._trackers.pop(pid, None)) is not None:
            timer.cancel()

    # ---- what is left ------------------------------------------------------------------------

    def _scan(self) -> None:
        """End the adopted processes that belong to no living child."""
        self._may_be_left = False
        ahead = self._ahead.pids_ahead  # before the list: some may be reaped as these are counted
        try:
            # Of thousands of children nearly all are supervised: those are left out in one step.
            for pid in sorted(set(self._list.read()).difference(self._supervised)):
                if pid not in ahead and not self._is_known(pid):
                    self._judge(pid)
        except OSError as error:
            self._may_be_left = True
            warn_once(_CANNOT_LOOK, f"cannot look for {_CANNOT_LOOK}: {error}; trying again")
            self._loop.call_later(_AGAIN_S, self._try_again)
        else:
            calm(_CANNOT_LOOK)

    def _try_again(self) -> None:
        self.scan()
        self._settle()

    def _is_known(self, pid: int) -> bool:
        known = (
            self._ending,
            self._stopping,
            self._untouchable,
            self._preexisting,
            self._helpers,
        )
        return any(pid in pids for pids in known)

    def _judge(self, pid: int) -> None:
        if pid in self._subtrees:
            self._stopping.add(pid)
        elif not self._is_of_the_living(pid):
            self._end(pid)

    def _is_of_the_living(self, pid: int) -> bool:
        """Return whether a worker that lives has orphaned it, not one that has ended."""
        session = _session_of(pid)
        if session != pid and (self._is_ours(session) or self._has_living_owner(session)):
            return True
        if pid not in self._owners:
            self._owners[pid] = _owners_of(pid)
        if self._owners[pid]:
            return self._has_living_owner(pid)
        # To process 1 of a container come the orphans of others, too: those are reaped, not ended.
        return os.getpid() == 1 or self._is_older(pid)

    def _is_ours(self, pid: int) -> bool:
        return pid in self._supervised or pid in self._ahead.pids_ahead

    def _has_living_owner(self, pid: int) -> bool:
        # Several, where a node runs within a node: one of them is a child of ours.
        return any(self._lives(*owner) for owner in self._owners.get(pid, ()))

    def _lives(self, pid: int, incarnation: int) -> bool:
        if (child := self._supervised.get(pid)) is None:
            return incarnation == NO_INCARNATION and pid in self._ahead.pids_ahead
        of_it = incarnation == child.incarnation
        of_its_spare = child.was_spare and incarnation == NO_INCARNATION
        return (of_it or of_its_spare) and not child.is_supervisor

    def _is_older(self, pid: int) -> bool:
        """Return whether a process without a mark was there before those that have ended."""
        could_be_theirs = any(not child.is_supervisor for child in self._supervised.values())
        return could_be_theirs and started_before(pid, self._since)

    def _end(self, pid: int) -> None:
        if self._is_tracker(pid):
            self._ending.add(pid)
            return
        try:
            # Not reaped yet, so that the pid is its own.
            os.kill(pid, signal.SIGKILL)
        except PermissionError as error:
            self._untouchable.add(pid)
            warn(f"cannot end process {pid}, which a child has left behind: {error}")
            return
        # Not its group, of which a resource tracker may be: that falls to us when it has ended.
        self._ending.add(pid)


def _owners_of(pid: int) -> tuple[tuple[int, int], ...]:
    """Return whose mark a process carries: their pids and incarnations."""
    named = (marked_process(word) for word in marks_of(pid))
    return tuple([each for each in named if each is not None])


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:  # a security module forbids it
        return pid
