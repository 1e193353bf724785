"""The gateway's own ways to workers: who was introduced once is introduced again without a hop.

A door is a socket whose other end came to the worker with the first link that a client got to
it; every byte in it brings the two ends of one more link. The first introduction goes through the
supervisors, who know: its pidfd is the worker's, so what is handed in at a door reaches the
incarnation that the client is told, or nobody.
"""

import resource
import socket
from dataclasses import dataclass
from typing import Final

from otpy.runtime.directory import Entry
from otpy.system.descriptor import Descriptor
from otpy.system.fdpass import send_fds
from otpy.system.loop import Loop
from otpy.system.pipes import LinkEnds
from otpy.system.sockets import MESSAGES, Socket, socket_pair

_MOST: Final = 4096
_SHARE: Final = 8
"""Of the files that may be open doors get a part: each is two, and clients need some."""

_AT_ONCE: Final = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def open_door() -> tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]:
    """Make a door: the gateway's end, and the worker's; neither if too many files are open."""
    try:
        ours, theirs = socket_pair(MESSAGES)
    except OSError:
        return (), ()
    return (ours,), (theirs,)


@dataclass(frozen=True, slots=True)
class _Door:
    socket: Socket
    pid: int
    incarnation: int
    pidfd: Descriptor


class Doors:
    """The doors of the workers that clients asked for, until they end.

    Args:
        loop: Where their ends are waited for.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._most = min(_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _SHARE)
        self._doors: dict[str, _Door] = {}

    def leads_to(self, entry: Entry) -> bool:
        """Tell whether there is a door to the incarnation that the directory knows."""
        door = self._doors.get(entry.path)
        return door is not None and door.incarnation == entry.incarnation

    def add(
        self, path: str, pid: int, incarnation: int, ours: Descriptor, pidfd: Descriptor
    ) -> None:
        """Take a door whose other end went to a worker; the descriptor of the pidfd stays yours."""
        known = self._doors.get(path)
        if known is not None and known.incarnation >= incarnation:
            ours.close()  # two clients were introduced at the same time
            return
        self._drop(path)
        if len(self._doors) >= self._most:
            self._drop(next(iter(self._doors)))
        try:
            own = pidfd.duplicate()
        except OSError:
            ours.close()
            return
        door = self._doors[path] = _Door(Socket(ours, MESSAGES), pid, incarnation, own)
        self._loop.watch(own, lambda _events: self._ended(path, door))

    def hand_in(self, entry: Entry, ends: LinkEnds, how: bytes) -> Descriptor | None:
        """Give a worker the ends of a link; tell its pidfd, a descriptor of the caller's.

        None if there is no door, nobody behind it, or too many wait there: the supervisors know
        what to do. The ends stay open here.

        Raises:
            OSError: There are too many open files.
        """
        door = self._doors.get(entry.path)
        if door is None or (door.incarnation, door.pid) != (entry.incarnation, entry.pid):
            return None
        pidfd = door.pidfd.duplicate()
        try:
            send_fds(door.socket, how, ends, _AT_ONCE)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(entry.path)
        else:
            return pidfd
        pidfd.close()
        return None

    def _ended(self, path: str, door: _Door) -> None:
        if self._doors.get(path) is door:
            self._drop(path)

    def _drop(self, path: str) -> None:
        if (door := self._doors.pop(path, None)) is not None:
            door.socket.close()
            door.pidfd.close()
