# Generated from otpy/aio/client/gateway.py by scripts/generate_blocking.py; do not edit.

"""The client's connection to the gateway, which may be killed and come back.

While the gateway is being restarted, the node keeps its socket open: a new connection waits
there until the next gateway takes it. So nothing here polls, and a socket that refuses means that
the node is gone.
"""

import contextlib
import socket
from pathlib import Path
from typing import Any, Final

from otpy.client.gateway_connection import (
    GOES_ON_AFTER_FORK,
    GatewayConnection,
    open_socket,
    send_all,
)
from otpy.client.protocol import GatewayProtocol
from otpy.client.running_nodes import is_starting, not_running
from otpy.errors import NodeNotFound, ProcessDown, ProtocolError
from otpy.links.deadline import TooLate, has_passed, locked, pause, seconds_left
from otpy.links.waiter import Lost, NotDelivered
from otpy.system.descriptor import Descriptor
from otpy.system.locks import new_lock
from otpy.wire.gateway import VERSION

STARTING_S: Final = 0.02
"""Seconds until the socket of a node that is just starting is looked for again."""

ATTEMPTS: Final = 100
"""Gateways that may die on one request before it is taken personally."""


class Hello:
    """The facts of its node that a gateway sends at the start of each connection."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("pid"), int):
            raise ProtocolError(f"expected a node's name and pid, got {value!r:.100}")
        if (version := value.get("version")) != VERSION:
            raise ProtocolError(
                f"the node speaks version {version!r:.20} of the gateway protocol, "
                f"this client version {VERSION}; both need the same otpy"
            )
        self.node = str(value.get("node", ""))
        self.pid = int(value["pid"])
        self.boot = str(value.get("boot", ""))
        self.config = str(value.get("config") or "")


class Gateway:
    """The gateway of one node, whichever incarnation runs.

    Attributes:
        name: The node's name.
        hello: The facts of the node, as last received.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = str(path)
        self._connecting = new_lock()
        self._connection: GatewayConnection | None = None
        self._hello: Hello | None = None
        self._closed = False

    @property
    def hello(self) -> Hello:
        """The facts of the node, as last received.

        Raises:
            NodeNotFound: It never did.
        """
        if self._hello is None:
            raise NodeNotFound(not_running(self.name))
        return self._hello

    def ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        deadline: float | None,
        *,
        repeatable: bool = True,
    ) -> tuple[Any, tuple[Descriptor, ...]]:
        """Ask the gateway; return the answer's value and the descriptors that came with it.

        `connect` is told the time left as its ``timeout``.

        Args:
            operation: One of `otpy.wire.gateway`.
            arguments: Its arguments.
            deadline: When to give up.
            repeatable: Whether the request may be sent once more, to the next gateway.

        Raises:
            NodeNotFound: The node is gone.
            ProcessDown: The gateway was killed meanwhile; the request may have been carried out.
            TooLate: The deadline has passed.
            OtpyError: The error that the gateway answered.
        """
        for _ in range(ATTEMPTS):
            connection = self.connect(deadline)
            if operation == "connect":
                arguments = {**arguments, "timeout": seconds_left(deadline)}
            try:
                return connection.ask(operation, arguments, deadline)
            except NotDelivered:
                pass
            except Lost:
                if connection.fault is not None:
                    raise connection.fault from None
                if not repeatable:
                    with contextlib.suppress(TooLate):
                        self.connect(deadline)  # tells a node that is gone
                    break
        raise ProcessDown("gateway: killed")

    def connect(self, deadline: float | None) -> GatewayConnection:
        """Return the connection to the gateway, a new one if need be; raises as `ask`."""
        known = self._connection
        if known is not None and known.open:
            return known
        with locked(self._connecting, deadline):
            self.check_open()
            known = self._connection
            if known is None or not known.open:
                if known is not None:
                    known.retire()
                self._connection = None
                known, self._hello = self._handshake(deadline)
                self._connection = known
                if self._closed:  # meanwhile
                    known.retire()
                    self.check_open()
            return known

    def connect_first(self, deadline: float | None) -> None:
        """Connect to a node that may be just starting; raises as `ask`."""
        while True:
            try:
                self.connect(deadline)
            except NodeNotFound:
                if not is_starting(self.name) or has_passed(deadline):
                    raise
                pause(STARTING_S)
            else:
                return

    def _handshake(self, deadline: float | None) -> tuple[GatewayConnection, Hello]:
        for _ in range(ATTEMPTS):
            connection = GatewayConnection(open_socket(self.name, self._path, deadline))
            try:
                value, _ = connection.ask("hello", {}, deadline)
                return connection, Hello(value)
            except (NotDelivered, Lost):
                connection.retire()  # killed before it answered: the next one will
            except BaseException:
                connection.retire()
                raise
        raise ProcessDown("gateway: killed")

    def stream(
        self, operation: str, arguments: dict[str, Any], deadline: float | None
    ) -> tuple[socket.socket, GatewayProtocol]:
        """Open a connection of its own and ask something that has many answers there."""
        self.check_open()
        sock = open_socket(self.name, self._path, deadline)
        protocol = GatewayProtocol()
        hello, question = protocol.request("hello", {}), protocol.request(operation, arguments)
        try:
            send_all(sock, hello[1] + question[1])
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
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.retire()

    def abandon(self) -> None:
        """Forget the connection: to be called in the child after a fork."""
        self._connecting = new_lock()
        self._closed = self._closed or not GOES_ON_AFTER_FORK
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()
