"""One connection to one incarnation of the gateway, on an event loop; by hand, as its twin."""

import asyncio
import errno
import socket
from typing import Any, Final

from otpy.aio.links.connection import Connection
from otpy.client.gateway_connection import (
    NO_ONE_LISTENS,
    READ_BYTES,
    Answered,
    refuse_other_program,
)
from otpy.client.protocol import GatewayProtocol
from otpy.client.running_nodes import not_running
from otpy.errors import NodeNotFound, ProtocolError, RuntimeDirError
from otpy.links.protocol import error_of
from otpy.links.waiter import Lost, NotDelivered
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import recv_fds
from otpy.system.sockets import unconnected_socket
from otpy.wire import gateway

_BACKLOG_S: Final = 0.01


GOES_ON_AFTER_FORK: Final = False
"""The child has no event loop to make connections in."""


class GatewayConnection(Connection[Answered]):
    """One connection to one incarnation of the gateway; it owns the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._protocol = GatewayProtocol()
        super().__init__(sock, sock)

    async def ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        deadline: float | None,  # noqa: ARG002  # the task that awaits it gives up by itself
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
        close_all(self._protocol.take_unread_fds())


async def open_socket(name: str, path: str, deadline: float | None) -> socket.socket:  # noqa: ARG001  # the twin's
    """Connect to the control socket; it waits in the backlog if no gateway runs just now.

    Raises:
        NodeNotFound: No process listens there.
        RuntimeDirError: We may not connect, or another user listens there.
    """
    sock = unconnected_socket(blocking=False)
    try:
        while True:
            try:
                sock.connect(path)
            except BlockingIOError:
                # The backlog is full, and nothing tells when it is not (unix(7), EAGAIN).
                await asyncio.sleep(_BACKLOG_S)
            else:
                refuse_other_program(sock, path)
                return sock
    except OSError as error:
        sock.close()
        if error.errno in NO_ONE_LISTENS:
            raise NodeNotFound(not_running(name)) from None
        raise RuntimeDirError(f"{path}: cannot be connected to: {error.strerror}") from None
    except BaseException:
        sock.close()
        raise


async def send_all(sock: socket.socket, data: bytes) -> None:
    """Send all of `data`; raises OSError."""
    await asyncio.get_running_loop().sock_sendall(sock, data)
