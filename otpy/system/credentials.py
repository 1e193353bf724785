"""Which process and which user is at the other end of a Unix socket, as the kernel knows it."""

import os
import socket
import struct
from typing import Final, NamedTuple

_CREDENTIALS: Final = struct.Struct("3i")
_LEVEL: Final = int(socket.SOL_SOCKET)
_OPTION: Final = int(socket.SO_PEERCRED)


class Peer(NamedTuple):
    """The process at the other end.

    Attributes:
        pid: 0 if it is in another pid namespace.
        uid: Its effective user when it connected, or began to listen.
    """

    pid: int
    uid: int

    @property
    def is_trusted(self) -> bool:
        """Whether the peer runs as this user or root."""
        return self.uid in (os.geteuid(), 0)


def peer_of(connection: socket.socket) -> Peer:
    """Return the process that connected, or the one that listened when this end connected."""
    option = connection.getsockopt(_LEVEL, _OPTION, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(option)
    return Peer(int(pid), int(uid))
