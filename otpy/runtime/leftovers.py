"""What dead processes leave behind: a supervisor adopts it (subreaper), and ends it.

Three rules:

- When a worker has ended, its process group is killed, and its end is reported only when
  nobody of the group is left.
- When a supervisor has ended, its workers die with it (PR_SET_PDEATHSIG) and fall to us, as do
  the supervisors below it, which stop in order by themselves. Its end is reported only at the
  end-of-file on its lifeline, when no process of its subtree is left.
- A process that left its session by itself belongs to nobody any more; it is looked for when
  there is time for it, since that means to read all of /proc.
"""

import os
import select
from collections.abc import Callable, Container, Iterable
from typing import Final

from otpy.runtime.child import Child
from otpy.system.descriptor import Descriptor
from otpy.system.exits import kill_group, left_in_group, reap, send_signal
from otpy.system.loop import READABLE, Loop
from otpy.system.procfs import children_of, session_of

_HUNG_UP: Final = select.POLLHUP | select.POLLERR


class Leftovers:
    """Waits until what a dead child left behind is gone.

    Args:
        loop: Where to wait.
        pids: Of the children that live and are supervised: never touched.
        others: More pids that are never touched.
    """

    def __init__(
        self, loop: Loop, pids: Container[int], others: Iterable[Container[int]] = ()
    ) -> None:
        self._loop, self._pids, self._others = loop, pids, tuple(others)
        self._adopted: dict[int, Descriptor] = {}
        self._waiting: list[tuple[Child | None, Callable[[], None]]] = []
        self._spared: set[int] = set()
        self._planned = False

    def after(self, child: Child, then: Callable[[], None]) -> None:
        """Call `then` as soon as nothing is left of `child`, which has been reaped."""
        if child.lifeline is None and not left_in_group(child.pid):
            then()
            return
        self._waiting.append((child, then))
        self._spared.update(child.supervisors.values())
        if child.lifeline is not None:
            self._loop.watch(child.lifeline, lambda _events: self._lifeline_ended(child))
        self._sweep_soon()

    def after_all(self, then: Callable[[], None]) -> None:
        """Call `then` as soon as nothing is left of anybody: the supervisor itself ends."""
        self._waiting.append((None, then))
        self._sweep_soon()

    def sweep(self) -> None:
        """End every process that fell to us and that no live child's session holds."""
        for pid in children_of(os.getpid()):
            if not any(pid in known for known in (self._pids, self._adopted, *self._others)):
                self._adopt(pid)
        self._settle()

    def _adopt(self, pid: int) -> None:
        if self._belongs_to_a_live_child(pid):
            return
        try:
            pidfd = Descriptor(os.pidfd_open(pid))
        except ProcessLookupError:
            return
        self._adopted[pid] = pidfd
        self._loop.watch(pidfd, lambda _events: self._ended(pid), READABLE)
        if pid not in self._spared:
            send_signal(pidfd, 9)
            kill_group(pid)

    def _belongs_to_a_live_child(self, pid: int) -> bool:
        session = session_of(pid)
        return session is None or (session != pid and session in self._pids)

    def _ended(self, pid: int) -> None:
        self._adopted.pop(pid).close()
        self._spared.discard(pid)
        kill_group(pid)
        reap(pid)
        # Its own children fall to us now.
        self._sweep_soon()

    def _lifeline_ended(self, child: Child) -> None:
        if child.lifeline is not None:
            self._loop.unwatch(child.lifeline)
        self._sweep_soon()

    def _sweep_soon(self) -> None:
        if not self._planned:
            self._planned = True
            self._loop.call_soon(self._planned_sweep)

    def _planned_sweep(self) -> None:
        self._planned = False
        self.sweep()

    def _settle(self) -> None:
        for child, then in tuple(self._waiting):
            if self._is_gone(child):
                self._waiting.remove((child, then))
                if child is not None:
                    self._spared.difference_update(child.supervisors.values())
                then()

    def _is_gone(self, child: Child | None) -> bool:
        if child is None:
            return not self._adopted
        if child.lifeline is None:
            return not left_in_group(child.pid)
        return not self._adopted and _hung_up(child.lifeline)


def _hung_up(pipe: Descriptor) -> bool:
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    return any(events & _HUNG_UP for _, events in poller.poll(0))
