"""The sockets that supervisors have for the children below them: what is listened on, and how."""

from dataclasses import dataclass
from enum import StrEnum


class SocketType(StrEnum):
    """How a socket carries data: connections, datagrams, or connections that carry messages."""

    STREAM = "stream"
    DATAGRAM = "datagram"
    SEQPACKET = "seqpacket"


@dataclass(frozen=True, slots=True)
class SocketSpec:
    """A socket that is opened as the node starts.

    Attributes:
        listen: ``127.0.0.1:8000``, ``[::1]:8000``, ``:8000`` for every address of the host, an
            absolute path, or ``@name`` for an abstract one. Port 0 is any that is free.
        type: How it carries data.
        backlog: How many connections may wait; None for as many as the kernel allows.
        mode: Of the file of a path, in octal.
        user: Name or number of the owner of that file; the node's unless given.
        group: So, too.
        reuse_port: Whether other programs may listen there as well (SO_REUSEPORT).
        ipv6_only: Whether an IPv6 address takes no IPv4 connections.
    """

    listen: str
    type: SocketType = SocketType.STREAM
    backlog: int | None = None
    mode: str | None = None
    user: int | str | None = None
    group: int | str | None = None
    reuse_port: bool = False
    ipv6_only: bool = False

    @property
    def place(self) -> str:
        """What makes it another socket, and is not only done with it in another way."""
        return f"{self.type}:{self.listen}"

    @property
    def is_unix(self) -> bool:
        """Whether it is a Unix socket, with a path or abstract."""
        return self.listen.startswith(("/", "@"))

    @property
    def path(self) -> str:
        """The path of its file; empty if it has none."""
        return self.listen if self.listen.startswith("/") else ""

    @property
    def has_connections(self) -> bool:
        """Whether it listens for connections."""
        return self.type is not SocketType.DATAGRAM

    @property
    def address(self) -> tuple[str, int]:
        """The host, empty for every address, and the port of one that is no Unix socket."""
        host, _, port = self.listen.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)

    @property
    def is_any_port(self) -> bool:
        """Whether the kernel picks the port."""
        return not self.is_unix and self.address[1] == 0
