"""The connection to the gateway, on an event loop; the gateway may be killed and come back."""

import asyncio
import errno
import socket
from pathlib import Path
from typing import Any, Final

from otpy.aio.links.connection import Connection
from otpy.client.gateway import (
    ATTEMPTS,
    NO_ONE_LISTENS,
    READ_BYTES,
    STARTING_S,
    Answered,
    Hello,
    is_starting,
    not_running,
    refuse_stranger,
)
from otpy.client.protocol import GatewayProtocol
from otpy.errors import NodeNotFound, ProcessDown, ProtocolError, RuntimeDirError
from otpy.links.deadline import seconds_left
from otpy.links.protocol import error_of
from otpy.links.waiter import Lost, NotDelivered
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import recv_fds
from otpy.system.sockets import unconnected_socket
from otpy.wire import gateway

_BACKLOG_S: Final = 0.01


class GatewayConnection(Connection[Answered]):
    """One connection to one incarnation of the gateway; it owns the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._protocol = GatewayProtocol()
        super().__init__(sock, sock)

    async def ask(
        self, operation: str, arguments: dict[str, Any]
    ) -> tuple[Any, tuple[Descriptor, ...]]:
        """Send a request; return the answer's value and descriptors, or raise its error.

        Raises as `exchange`, too.
        """
        number, data = self._protocol.request(operation, arguments)
        try:
            answer, fds = await self.exchange(number, data)
        except asyncio.CancelledError:
            # The gateway is to forget a request whose answer may be long in coming.
            message = self._protocol.forgetting(operation, number)
            if message is not None:
                self.post_soon(message[1])
            raise
        if answer.status == gateway.ERROR:
            raise error_of(str(answer.value), answer.arguments)
        return answer.value, fds

    def _put(self, data: memoryview) -> int:
        return self._sock.send(data, socket.MSG_NOSIGNAL)

    def _readable(self) -> None:
        try:
            data, fds = recv_fds(self._sock, READ_BYTES)
            if not data:
                self._end()
                return
            for answer, own_fds in self._protocol.receive(data, fds):
                if not self._deliver(answer.number, (answer, own_fds)):
                    close_all(own_fds)
        except BlockingIOError:
            return
        except (ProtocolError, OSError) as error:
            if isinstance(error, ProtocolError) or error.errno == errno.EMFILE:
                self.fault = error
            self._end()

    def _discard(self, outcome: Answered | NotDelivered | Lost) -> None:
        if isinstance(outcome, tuple):
            close_all(outcome[1])

    def _close(self) -> None:
        self._sock.close()
        close_all(self._protocol.take_leftovers())


class Gateway:
    """The gateway of one node, whichever incarnation runs.

    Attributes:
        name: The node's name.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = str(path)
        self._connecting = asyncio.Lock()
        self._connection: GatewayConnection | None = None
        self._hello: Hello | None = None
        self._closed = False

    @property
    def hello(self) -> Hello:
        """What the node said of itself last.

        Raises:
            NodeNotFound: It never did.
        """
        if self._hello is None:
            raise NodeNotFound(not_running(self.name))
        return self._hello

    async def ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        deadline: float | None = None,
        *,
        repeatable: bool = True,
    ) -> tuple[Any, tuple[Descriptor, ...]]:
        """Ask the gateway; return the answer's value and the descriptors that came with it.

        Args:
            operation: One of `otpy.wire.gateway`.
            arguments: Its arguments.
            deadline: What `connect` is told; whoever awaits this gives up by himself.
            repeatable: Whether it does no harm to ask the next gateway once more.

        Raises:
            NodeNotFound: The node is gone.
            ProcessDown: The gateway was killed meanwhile; the request may have been carried out.
            OtpyError: The error that the gateway answered.
        """
        for _ in range(ATTEMPTS):
            connection = await self.connect()
            if operation == "connect":
                arguments = {**arguments, "timeout": seconds_left(deadline)}
            try:
                return await connection.ask(operation, arguments)
            except NotDelivered:
                pass
            except Lost:
                if connection.fault is not None:
                    raise connection.fault from None
                if not repeatable:
                    await self.connect()  # tells a node that is gone
                    break
        raise ProcessDown("gateway: killed")

    async def connect_first(self, deadline: float | None) -> None:  # noqa: ARG002  # the twin's
        """Connect to a node that may be just starting; raises as `ask`."""
        while True:
            try:
                await self.connect()
            except NodeNotFound:
                if not is_starting(self.name):
                    raise
                await asyncio.sleep(STARTING_S)
            else:
                return

    async def connect(self) -> GatewayConnection:
        """Return the connection to the gateway, a new one if need be; raises as `ask`."""
        if self._connection is not None and self._connection.open:
            return self._connection
        async with self._connecting:
            self.check_open()
            if self._connection is None or not self._connection.open:
                if self._connection is not None:
                    self._connection.retire()
                self._connection = None
                self._connection = await self._handshake()
            return self._connection

    async def _handshake(self) -> GatewayConnection:
        for _ in range(ATTEMPTS):
            connection = GatewayConnection(await self._open_socket())
            try:
                value, _ = await connection.ask("hello", {})
                self._hello = Hello(value)
                self.check_open()
            except (NotDelivered, Lost):
                connection.retire()  # killed before it answered: the next one will
            except BaseException:
                connection.retire()
                raise
            else:
                return connection
        raise ProcessDown("gateway: killed")

    async def stream(
        self, operation: str, arguments: dict[str, Any]
    ) -> tuple[socket.socket, GatewayProtocol]:
        """Open a connection of its own, and ask something that has many answers there."""
        self.check_open()
        protocol = GatewayProtocol()
        hello, question = protocol.request("hello", {}), protocol.request(operation, arguments)
        sock = await self._open_socket()
        try:
            await asyncio.get_running_loop().sock_sendall(sock, hello[1] + question[1])
        except OSError:
            pass  # its end shows when it is read
        except BaseException:
            sock.close()
            raise
        return sock, protocol

    def check_open(self) -> None:
        """Raise ValueError if `close` was called."""
        if self._closed:
            raise ValueError(f"the connection to node {self.name!r} is closed")

    def close(self) -> None:
        """Close the connection once the requests under way are answered."""
        self._closed = True
        if self._connection is not None:
            self._connection.retire()
            self._connection = None

    def abandon(self) -> None:
        """Close the connection for good: the child after a fork has no event loop to use it in."""
        self._closed = True
        if self._connection is not None:
            self._connection.abandon()

    async def _open_socket(self) -> socket.socket:
        """Connect to the control socket; it waits in the backlog if no gateway runs just now.

        Raises:
            NodeNotFound: Nobody listens there.
            RuntimeDirError: We may not connect, or another user listens there.
        """
        sock = unconnected_socket(blocking=False)
        try:
            while True:
                try:
                    sock.connect(self._path)
                except BlockingIOError:
                    # The backlog is full, and nothing tells when it is not (unix(7), EAGAIN).
                    await asyncio.sleep(_BACKLOG_S)
                else:
                    refuse_stranger(sock, self._path)
                    return sock
        except OSError as error:
            sock.close()
            if error.errno in NO_ONE_LISTENS:
                raise NodeNotFound(not_running(self.name)) from None
            raise RuntimeDirError(
                f"{self._path}: cannot be connected to: {error.strerror}"
            ) from None
        except BaseException:
            sock.close()
            raise
