"""The worker's ends of the gateway's doors: each byte there brings the ends of one more link."""

import select
from collections.abc import Callable
from typing import Final

from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import recv_fds
from otpy.system.sockets import MESSAGES, Socket
from otpy.wire.handoff import WALK_IN

_FDS_OF_A_LINK: Final = 2


class Entrances:
    """Doors; there is one a gateway, and until it is known that a gateway has ended, its door.

    Args:
        epoll: What the worker waits with.
        let_in: Takes the ends of a link, read end and write end, and whether to greet.
    """

    def __init__(
        self, epoll: select.epoll, let_in: Callable[[Descriptor, Descriptor, bool], None]
    ) -> None:
        self._epoll, self._let_in = epoll, let_in
        self._doors: dict[int, Socket] = {}

    def __contains__(self, fd: int) -> bool:
        return fd in self._doors

    def add(self, end: Descriptor) -> None:
        """Take a door, which is handed over."""
        door = Socket(end, MESSAGES)
        self._doors[door.fileno()] = door
        self._epoll.register(door, select.EPOLLIN)

    def look(self, fd: int) -> bool:
        """Let in who waits at a door first; tell whether there may be more."""
        try:
            knock, fds = recv_fds(self._doors[fd], 1)
        except BlockingIOError:
            return False
        except OSError:
            return True  # too many open files: whoever it was sees that it was closed
        if not knock:
            self._epoll.unregister(fd)
            self._doors.pop(fd).close()
        elif len(fds) == _FDS_OF_A_LINK:
            self._let_in(*fds, knock != WALK_IN)
        else:
            close_all(fds)
        return bool(knock)

    def let_all_in(self) -> None:
        """Let in everybody who waits at this moment."""
        for fd in tuple(self._doors):
            while self.look(fd):
                pass

    def close(self) -> None:
        """Close them: the worker lets nobody in any more, or this is a process that it forked."""
        for door in self._doors.values():
            door.close()
        self._doors.clear()
