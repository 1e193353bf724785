"""The worker's ends of the hand-off sockets: each byte there brings the ends of one more link."""

import select
from collections.abc import Callable
from typing import Final

from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import recv_fds
from otpy.system.sockets import MESSAGES, Socket
from otpy.wire.handoff import NO_HELLO

_FDS_OF_A_LINK: Final = 2


class HandoffAcceptor:
    """Accepts links at the sockets: one of each gateway, until it is known that it has ended.

    Args:
        epoll: The epoll in which the worker waits.
        accept_link: Called with the read end and the write end of a link, and whether to send a
            hello.
    """

    def __init__(
        self, epoll: select.epoll, accept_link: Callable[[Descriptor, Descriptor, bool], None]
    ) -> None:
        self._epoll, self._accept_link = epoll, accept_link
        self._sockets: dict[int, Socket] = {}

    def __contains__(self, fd: int) -> bool:
        return fd in self._sockets

    def add(self, end: Descriptor) -> None:
        """Own a hand-off socket from now on."""
        handoff = Socket(end, MESSAGES)
        self._sockets[handoff.fileno()] = handoff
        self._epoll.register(handoff, select.EPOLLIN)

    def accept(self, fd: int) -> bool:
        """Accept the first link that waits at a socket; return whether there may be more."""
        try:
            flag, fds = recv_fds(self._sockets[fd], 1)
        except BlockingIOError:
            return False
        except OSError:
            return True  # too many open files: the client sees that it was closed
        if not flag:
            self._epoll.unregister(fd)
            self._sockets.pop(fd).close()
        elif len(fds) == _FDS_OF_A_LINK:
            self._accept_link(*fds, flag != NO_HELLO)
        else:
            close_all(fds)
        return bool(flag)

    def accept_all(self) -> None:
        """Accept all links that wait at this moment."""
        for fd in tuple(self._sockets):
            while self.accept(fd):
                pass

    def close(self) -> None:
        """Close them: the worker accepts no more links, or this is a process that it forked."""
        for handoff in self._sockets.values():
            handoff.close()
        self._sockets.clear()
