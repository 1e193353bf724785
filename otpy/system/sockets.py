"""Sockets that are owners of their descriptors as `otpy.system.descriptor` has it."""

import _socket
import os
import socket
from typing import Final

from otpy.system.descriptor import CHECKS_VARIABLE, Descriptor, Watcher

STREAM: Final = socket.SOCK_STREAM
MESSAGES: Final = socket.SOCK_SEQPACKET
"""Each is received as it was sent, as one."""
DATAGRAMS: Final = socket.SOCK_DGRAM


class Socket(socket.socket):
    """A socket that unwatches itself before it closes; it never blocks.

    Args:
        descriptor: Handed over.
        kind: `STREAM`, `MESSAGES` or `DATAGRAMS`.
        family: Of addresses; a Unix socket unless given.

    Attributes:
        watcher: The loop that waits for it, if one does.

    Raises:
        OSError: It is no socket; the descriptor is still its owner's then.
    """

    __slots__ = ("watcher",)

    def __init__(
        self,
        descriptor: Descriptor,
        kind: socket.SocketKind = STREAM,
        family: socket.AddressFamily = socket.AF_UNIX,
    ) -> None:
        self.watcher: Watcher | None = None
        super().__init__(family, kind, 0, descriptor.fileno())
        descriptor.detach()
        self.setblocking(False)  # whatever socket.setdefaulttimeout was told

    def detach(self) -> int:
        """Return the number for another owner; this is as if closed from now on."""
        self._unwatch()
        return super().detach()

    def close(self) -> None:
        """Close it, and be waited for no more; the second time does nothing."""
        self._unwatch()
        super().close()

    def _unwatch(self) -> None:
        if self.watcher is not None:
            self.watcher.unwatch(self)


def socket_pair(kind: socket.SocketKind = STREAM) -> tuple[Descriptor, Descriptor]:
    """Create two sockets that are connected to each other.

    Raises:
        OSError: There are too many open files.
    """
    # What `socket.socketpair` calls, too: it then asks for the address of each, which has none.
    one, other = _socket.socketpair(socket.AF_UNIX, kind)
    return Descriptor(one.detach()), Descriptor(other.detach())


def unbound_socket(
    kind: socket.SocketKind = STREAM, family: socket.AddressFamily = socket.AF_UNIX
) -> Socket:
    """Create a socket that is to be bound or to connect.

    Raises:
        OSError: There are too many open files, or the system has no such family.
    """
    return Socket(Descriptor(socket.socket(family, kind).detach()), kind, family)


def unconnected_socket(*, blocking: bool) -> socket.socket:
    """Create a client's socket, whatever `socket.setdefaulttimeout` is.

    Raises:
        OSError: There are too many open files.
    """
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(blocking)
    return sock


def accepted(listener: socket.socket) -> Socket:
    """Accept a connection.

    Raises:
        OSError: As `socket.accept`.
    """
    # What `socket.accept` calls, too, without the socket of another class that it makes of it.
    fd, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001
    return Socket(Descriptor(fd))


if os.environ.get(CHECKS_VARIABLE):
    from otpy.system.socket_checks import CheckedSocket

    Socket = CheckedSocket  # type: ignore[misc]
