"""The sockets that this process was given: `otpy.sockets`."""

import select
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")


class HeldSocket(socket.socket):
    """A socket that the node holds, too: what other processes do to it concerns this one less.

    It blocks unless this process says otherwise, though whether it does is one property for all
    that have the socket (O_NONBLOCK of the open file): where another has it not block, this one
    waits by itself.
    """

    __slots__ = ()

    def listen(self, backlog: int = 0, /) -> None:
        """Do nothing: it listens already, with the backlog that the tree says."""

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; as `socket.socket.accept`."""
        return self._waiting(super().accept)

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        """Receive; as `socket.socket.recv`."""
        return self._waiting(super().recv, *args, **kwargs)

    def recvfrom(self, *args: Any, **kwargs: Any) -> tuple[bytes, Any]:
        """Receive; as `socket.socket.recvfrom`."""
        return self._waiting(super().recvfrom, *args, **kwargs)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive; as `socket.socket.recv_into`."""
        return self._waiting(super().recv_into, *args, **kwargs)

    def recvfrom_into(self, *args: Any, **kwargs: Any) -> tuple[int, Any]:
        """Receive; as `socket.socket.recvfrom_into`."""
        return self._waiting(super().recvfrom_into, *args, **kwargs)

    def recvmsg(self, *args: Any, **kwargs: Any) -> Any:
        """Receive; as `socket.socket.recvmsg`."""
        return self._waiting(super().recvmsg, *args, **kwargs)

    def _waiting(self, do: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        while True:
            try:
                return do(*args, **kwargs)
            except BlockingIOError:
                if self.gettimeout() is not None:
                    raise  # this process wants it so
                readable = select.poll()
                readable.register(self, select.POLLIN)
                readable.poll()


class Sockets(Mapping[str, socket.socket]):
    """The sockets that this process has asked for with `sockets:` in the tree, by name.

    They listen, or are bound if they carry datagrams; they block, and are closed on exec. The node
    holds them as well: to close one here closes it for this process alone, and connections wait
    while the process is restarted. In a process that asked for none it is empty.
    """

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}

    def __getitem__(self, name: str) -> socket.socket:
        try:
            return self._sockets[name]
        except KeyError:
            raise KeyError(f"{name!r}: this process has not asked for that socket") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._sockets)

    def __len__(self) -> int:
        return len(self._sockets)

    def __repr__(self) -> str:
        return f"<Sockets: {', '.join(self._sockets) or 'none'}>"

    def __contains__(self, name: object) -> bool:
        return name in self._sockets


sockets: Final = Sockets()
"""The one of this process."""


def add(name: str, number: int) -> None:
    """Note a socket of this process; the descriptor is handed over."""
    sockets._sockets[name] = held = HeldSocket(fileno=number)  # noqa: SLF001
    if held.gettimeout() is not None:  # a module has set a default
        held.settimeout(None)
