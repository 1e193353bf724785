"""Children that serve on the sockets that they are given."""

import os
import socket
from typing import TYPE_CHECKING, Any

import otpy
from otpy import GenServer, call

if TYPE_CHECKING:
    import asyncio


def answer(connection: socket.socket) -> None:
    """Answer a connection with this process's pid."""
    with connection:
        connection.sendall(f"{os.getpid()}\n".encode())


def serve() -> None:
    """Serve connections, one after another."""
    web = otpy.sockets["web"]
    assert web.gettimeout() is None
    assert not os.get_inheritable(web.fileno())
    while True:
        connection, _ = web.accept()
        answer(connection)


async def serve_on_a_loop() -> None:
    """Serve connections with asyncio."""
    import asyncio

    async def serve_one(_reader: Any, writer: "asyncio.StreamWriter") -> None:
        writer.write(f"{os.getpid()}\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve_one, sock=otpy.sockets["web"])
    await server.serve_forever()


class Server(GenServer):
    """Says what it was given."""

    @call
    def addresses(self) -> dict[str, Any]:
        """Return the address of each socket, by name."""
        return {name: str(each.getsockname()) for name, each in otpy.sockets.items()}

    @call
    def accept(self) -> int:
        """Accept a connection that waits; return this process's pid, which it gets."""
        answer(otpy.sockets["web"].accept()[0])
        return os.getpid()

    @call
    def receive(self) -> str:
        """Return a datagram that waits."""
        return otpy.sockets["udp"].recv(100).decode()

    @call
    def close(self) -> None:
        """Close a socket, for this process."""
        otpy.sockets["web"].close()

    @call
    def shut_down(self) -> None:
        """Shut a socket down, for all that have it."""
        otpy.sockets["web"].shutdown(socket.SHUT_RDWR)

    @call
    def user(self) -> int:
        """Return the user that this process runs as."""
        return os.getuid()

    @call
    def missing(self) -> str:
        """Return what is said of a socket that this process has not asked for."""
        try:
            otpy.sockets["admin"]
        except KeyError as error:
            return str(error)
        return ""


class AsyncServer(GenServer):
    """The same with asyncio."""

    async def init(self) -> None:
        """Begin to serve."""
        import asyncio

        self.server = await asyncio.start_server(self._serve, sock=otpy.sockets["web"])

    async def _serve(self, _reader: Any, writer: "asyncio.StreamWriter") -> None:
        writer.write(f"{os.getpid()}\n".encode())
        await writer.drain()
        writer.close()
