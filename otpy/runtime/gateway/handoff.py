"""The gateway's end of descriptor hand-off: after its first client, a worker gets links directly.

A hand-off socket is a socket whose other end came to the worker with the first link that a client
got to it; every byte in it brings the two ends of one more link (SCM_RIGHTS). The first link goes
through the supervisors: the pidfd that comes back is the worker's, so a link that is offered at a
hand-off socket reaches the incarnation that the client is told, or none.
"""

import resource
import socket
from dataclasses import dataclass
from typing import Final

from otpy.runtime.directory import ProcessEntry
from otpy.system.descriptor import Descriptor
from otpy.system.fdpass import send_fds
from otpy.system.loop import Loop
from otpy.system.pipes import LinkEnds
from otpy.system.sockets import MESSAGES, Socket, socket_pair

_MOST: Final = 4096
_SHARE: Final = 8
"""Their part of the files that may be open: each takes two, and clients need some."""

_AT_ONCE: Final = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def open_handoff() -> tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]:
    """Open a hand-off socket: our end, and the worker's; neither if too many files are open."""
    try:
        ours, theirs = socket_pair(MESSAGES)
    except OSError:
        return (), ()
    return (ours,), (theirs,)


@dataclass(frozen=True, slots=True)
class _HandoffSocket:
    socket: Socket
    pid: int
    incarnation: int
    pidfd: Descriptor


class HandoffSockets:
    """The hand-off sockets of the workers that clients asked for, until they end.

    Args:
        loop: Where their ends are waited for.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._most = min(_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _SHARE)
        self._sockets: dict[str, _HandoffSocket] = {}

    def reaches(self, entry: ProcessEntry) -> bool:
        """Return whether there is a hand-off socket to the incarnation that the directory knows."""
        handoff = self._sockets.get(entry.path)
        return handoff is not None and handoff.incarnation == entry.incarnation

    def add(
        self, path: str, pid: int, incarnation: int, ours: Descriptor, pidfd: Descriptor
    ) -> None:
        """Keep a socket whose other end went to a worker; the pidfd is duplicated."""
        known = self._sockets.get(path)
        if known is not None and known.incarnation >= incarnation:
            ours.close()  # two clients connected at the same time
            return
        self._drop(path)
        if len(self._sockets) >= self._most:
            self._drop(next(iter(self._sockets)))
        try:
            own = pidfd.duplicate()
        except OSError:
            ours.close()
            return
        handoff = self._sockets[path] = _HandoffSocket(
            Socket(ours, MESSAGES), pid, incarnation, own
        )
        self._loop.watch(own, lambda _events: self._ended(path, handoff))

    def offer(self, entry: ProcessEntry, ends: LinkEnds, how: bytes) -> Descriptor | None:
        """Send a worker the ends of a link; return its pidfd, a descriptor of the caller's.

        None if there is no hand-off socket, no process behind it, or too many links wait there:
        then the supervisors connect. The ends stay open here.

        Raises:
            OSError: There are too many open files.
        """
        handoff = self._sockets.get(entry.path)
        if handoff is None or (handoff.incarnation, handoff.pid) != (entry.incarnation, entry.pid):
            return None
        pidfd = handoff.pidfd.duplicate()
        try:
            send_fds(handoff.socket, how, ends, _AT_ONCE)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(entry.path)
        else:
            return pidfd
        pidfd.close()
        return None

    def _ended(self, path: str, handoff: _HandoffSocket) -> None:
        if self._sockets.get(path) is handoff:
            self._drop(path)

    def _drop(self, path: str) -> None:
        if (handoff := self._sockets.pop(path, None)) is not None:
            handoff.socket.close()
            handoff.pidfd.close()
