"""The process group of a child that was asked to stop: what it holds may take its time, too.

The stop signal goes to the program itself. When that has ended, the rest of its group has what is
left of the child's budget: the jobs of a master's processes, or a server behind a shell. A shell
that died of the signal could not pass it on, and neither could a worker that was told by a
message: then the group gets it now.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from otpy.system.descriptor import Descriptor
from otpy.system.exits import kill_group, left_in_group
from otpy.system.loop import Loop
from otpy.system.procfs import children_of, group_of

_LOOK_AGAIN_S: Final = 0.5
"""When there was no descriptor to wait with: only then is a group looked at now and then."""


@dataclass(slots=True)
class _Group:
    """What waits for the rest of a group; `member` is the process that is waited for just now."""

    then: Callable[[], None]
    member: Descriptor | None = None


class GroupWait:
    """Waits for the groups of children that have been reaped, each within its child's budget.

    The core's budget ends the wait: `end` kills what is left then.

    Args:
        loop: Where to wait.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._groups: dict[int, _Group] = {}

    def begin(self, leader: int, then: Callable[[], None]) -> None:
        """Call `then` as soon as nobody is left in the group of `leader`, which was reaped."""
        self._groups[leader] = _Group(then)
        self._look(leader)

    def end(self, leader: int) -> None:
        """Kill what is left of a group that is waited for; do nothing if it is not."""
        if leader in self._groups:
            kill_group(leader)

    def _look(self, leader: int) -> None:
        group = self._groups[leader]
        if group.member is not None:
            group.member.close()
            group.member = None
        _reap_dead(leader)
        if not left_in_group(leader):
            del self._groups[leader]
            group.then()
            return
        # One at a time: whichever ends last, it was waited for by then.
        again = partial(self._look, leader)
        group.member = _open_member(leader)
        if group.member is None:
            self._loop.call_later(_LOOK_AGAIN_S, again)
        else:
            self._loop.watch(group.member, lambda _events: again())


def _reap_dead(leader: int) -> None:
    """Reap those of a group that fell to us and are dead."""
    with contextlib.suppress(ChildProcessError):
        while os.waitid(os.P_PGID, leader, os.WEXITED | os.WNOHANG):
            pass


def _open_member(leader: int) -> Descriptor | None:
    """Open a child of ours in that group; None if there are too many open files.

    Every process of the group is ours, or below one that is: its parent is in the group, or dead.
    """
    try:
        member = next((p for p in children_of(os.getpid()) if group_of(p) == leader), None)
        return None if member is None else Descriptor(os.pidfd_open(member))
    except OSError:
        return None
