"""The client's connection to the gateway, which may be killed and come back.

While the gateway is being restarted, the node keeps its socket open: a new connection waits
there until the next gateway takes it. So nothing here sleeps or polls, and a socket that
refuses means that the node is gone.
"""

import contextlib
import errno
import math
import os
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any, Final, TypeAlias

from otpy.client.protocol import GatewayAnswer, GatewayProtocol
from otpy.errors import NodeNotFound, ProcessDown, ProtocolError, RuntimeDirError
from otpy.links.connection import Connection
from otpy.links.deadline import TooLate, has_passed, lock_timeout, seconds_left
from otpy.links.protocol import error_of
from otpy.links.waiter import Lost, NotDelivered, Waiter
from otpy.system.credentials import peer_of
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import recv_fds
from otpy.system.nodedir import NodeDir, can_be_name, node_names, runtime_dir
from otpy.system.sockets import unconnected_socket
from otpy.wire import gateway

READ_BYTES: Final = 1 << 16
_TIMEVAL: Final = struct.Struct("@ll")

STARTING_S: Final = 0.02
"""How long to wait before one looks again for the socket of a node that is just starting."""

ATTEMPTS: Final = 100
"""Gateways that may die on one request before it is taken personally."""

NO_ONE_LISTENS: Final = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)

Answered: TypeAlias = tuple[GatewayAnswer, tuple[Descriptor, ...]]


class GatewayConnection(Connection[Answered]):
    """One connection to one incarnation of the gateway."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        super().__init__(sock, sock)
        self._sock = sock
        self._protocol = GatewayProtocol()
        self._handing_over = threading.Lock()

    def ask(
        self, operation: str, arguments: dict[str, Any], deadline: float | None
    ) -> tuple[Any, tuple[Descriptor, ...]]:
        """Send a request; return the answer's value and descriptors, or raise its error.

        Raises as `exchange`, too.
        """
        number, data = self._protocol.request(operation, arguments)
        try:
            answer, fds = self.exchange(number, data, deadline)
        except (NotDelivered, Lost):
            raise
        except BaseException:
            self._give_up(operation, number)
            raise
        if answer.status == gateway.ERROR:
            raise error_of(str(answer.value), answer.arguments)
        return answer.value, fds

    def _give_up(self, operation: str, number: int) -> None:
        """Ask the gateway to forget a request whose answer may be long in coming.

        What does not fit now is dropped: whoever has run out of time waits no longer.
        """
        message = self._protocol.forgetting(operation, number)
        if message is not None:
            with contextlib.suppress(NotDelivered, TooLate):
                self.post(*message, time.monotonic())

    def _put(self, data: bytes | memoryview) -> int:
        return self._sock.send(data, socket.MSG_NOSIGNAL)

    def _take(self) -> bool:
        try:
            data, fds = recv_fds(self._sock, READ_BYTES)
        except OSError as error:
            if error.errno == errno.EMFILE:
                self.fault = error
            raise
        if not data:
            return False
        for answer, own_fds in self._protocol.receive(data, fds):
            self._deliver(answer.number, (answer, own_fds))
        return True

    def _deliver(self, number: int, answer: Answered) -> None:
        # Whoever runs out of time just now must not leave descriptors behind.
        with self._handing_over:
            waiter = self._waiters.get(number)
            if waiter is None or waiter.abandoned:
                close_all(answer[1])
                return
            waiter.answer = answer
        waiter.wake()

    def _abandon(self, waiter: Waiter[Answered]) -> None:
        with self._handing_over:
            waiter.abandoned = True
            if waiter.answer is not None:
                close_all(waiter.answer[1])

    def _close(self) -> None:
        self._sock.close()
        close_all(self._protocol.take_leftovers())


class Hello:
    """What a gateway says of its node at the begin of each connection."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("pid"), int):
            raise ProtocolError(f"expected a node's name and pid, got {value!r:.100}")
        self.node = str(value.get("node", ""))
        self.pid = int(value["pid"])
        self.config = str(value.get("config") or "")


class Gateway:
    """The gateway of one node, whichever incarnation runs.

    Attributes:
        name: The node's name.
        hello: What it said of itself when last connected to.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = str(path)
        self._connecting = threading.Lock()
        self._channel: GatewayConnection | None = None
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
            repeatable: Whether it does no harm to ask the next gateway once more.

        Raises:
            NodeNotFound: The node is gone.
            ProcessDown: The gateway was killed meanwhile; the request may have been carried out.
            TooLate: The deadline has passed.
            OtpyError: The error that the gateway answered.
        """
        for _ in range(ATTEMPTS):
            channel = self.connect(deadline)
            if operation == "connect":
                arguments = {**arguments, "timeout": seconds_left(deadline)}
            try:
                return channel.ask(operation, arguments, deadline)
            except NotDelivered:
                pass
            except Lost:
                if channel.fault is not None:
                    raise channel.fault from None
                if not repeatable:
                    with contextlib.suppress(TooLate):
                        self.connect(deadline)  # tells a node that is gone
                    break
        raise ProcessDown("gateway: killed")

    def connect(self, deadline: float | None) -> GatewayConnection:
        """Return the connection to the gateway, a new one if need be; raises as `ask`."""
        channel = self._channel
        if channel is not None and channel.open:
            return channel
        if not self._connecting.acquire(timeout=lock_timeout(deadline)):
            raise TooLate
        try:
            if self._closed:
                raise ValueError(f"the connection to node {self.name!r} is closed")
            if self._channel is not None:
                if self._channel.open:
                    return self._channel
                self._channel.retire()
            self._channel = None
            self._channel, self._hello = self._handshake(deadline)
            return self._channel
        finally:
            self._connecting.release()

    def connect_first(self, deadline: float | None) -> None:
        """Connect to a node that may be just starting; raises as `ask`."""
        while True:
            try:
                self.connect(deadline)
            except NodeNotFound:
                if not is_starting(self.name) or has_passed(deadline):
                    raise
                time.sleep(STARTING_S)
            else:
                return

    def _handshake(self, deadline: float | None) -> tuple[GatewayConnection, Hello]:
        for _ in range(ATTEMPTS):
            channel = GatewayConnection(open_socket(self.name, self._path, deadline))
            try:
                value, _ = channel.ask("hello", {}, deadline)
                return channel, Hello(value)
            except (NotDelivered, Lost):
                channel.retire()  # killed before it answered: the next one will
            except BaseException:
                channel.retire()
                raise
        raise ProcessDown("gateway: killed")

    def stream(
        self, operation: str, arguments: dict[str, Any], deadline: float | None
    ) -> tuple[socket.socket, GatewayProtocol]:
        """Open a connection of its own and ask something that has many answers there."""
        if self._closed:
            raise ValueError(f"the connection to node {self.name!r} is closed")
        sock = open_socket(self.name, self._path, deadline)
        protocol = GatewayProtocol()
        try:
            sock.sendall(
                protocol.request("hello", {})[1] + protocol.request(operation, arguments)[1]
            )
        except OSError:
            pass  # its end shows when it is read
        except BaseException:
            sock.close()
            raise
        return sock, protocol

    def close(self) -> None:
        """Close the connection once the requests under way are answered."""
        with self._connecting:
            self._closed = True
            if self._channel is not None:
                self._channel.retire()
                self._channel = None

    def abandon(self) -> None:
        """Forget the connection: to be called in the child after a fork."""
        self._connecting = threading.Lock()
        if self._channel is not None:
            self._channel.abandon()
            self._channel = None


def open_socket(name: str, path: str, deadline: float | None) -> socket.socket:
    """Connect to the control socket; it waits in the backlog if no gateway runs just now.

    Raises:
        NodeNotFound: Nobody listens there.
        RuntimeDirError: We may not connect, or another user listens there.
        TooLate: The deadline has passed.
    """
    sock = unconnected_socket(blocking=True)
    try:
        if (left := seconds_left(deadline)) is not None:
            # The kernel's own timeout; zero would mean none.
            fraction, seconds = math.modf(max(left, 0.001))
            timeval = _TIMEVAL.pack(int(seconds), int(fraction * 1e6))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        sock.connect(path)
        refuse_stranger(sock, path)
    except OSError as error:
        sock.close()
        if error.errno in NO_ONE_LISTENS:
            raise NodeNotFound(not_running(name)) from None
        if error.errno == errno.EAGAIN and has_passed(deadline):
            raise TooLate from None
        raise RuntimeDirError(f"{path}: cannot be connected to: {error.strerror}") from None
    except BaseException:
        sock.close()
        raise
    return sock


def refuse_stranger(sock: socket.socket, path: str) -> None:
    """Refuse to talk to another user's process.

    The directory was looked at before; somebody may have put another in its place since.

    Raises:
        RuntimeDirError: Neither this user nor root listens there.
    """
    peer = peer_of(sock)
    if not peer.is_trusted:
        raise RuntimeDirError(
            f"{path}: user {peer.uid} listens there, expected user {os.geteuid()} or root; "
            f"nothing was sent; set OTPY_DIR to a directory of your own"
        )


def is_starting(name: str) -> bool:
    """Return whether a node holds its lock that nobody can connect to: soon one can, or it ends."""
    return name in node_names()


def not_running(name: str) -> str:
    """Return the text that node `name` does not run, and what to do about it."""
    names = node_names()
    if name in names:
        return f"node {name!r} is starting or stopping; try again"
    if (pid := _node_without_files(name)) is not None:
        return (
            f"node {name!r} runs with pid {pid}, but somebody has removed its files; "
            "it puts them back within a second; try again"
        )
    if not names:
        return f"node {name!r} is not running; start it with `otpy run`"
    return f"node {name!r} is not running; these are: {', '.join(names)}"


def _node_without_files(name: str) -> int | None:
    """Return the pid of a node whose socket cannot be found, but that lives."""
    from otpy.system.claim import Claim  # noqa: PLC0415 - to say what is wrong

    return Claim(NodeDir(name)).holder() if can_be_name(name) else None


def only_node() -> str:
    """Return the name of the only node that runs.

    Raises:
        NodeNotFound: None runs, or more than one.
    """
    names = node_names()
    if not names:
        raise NodeNotFound(f"no node runs in {runtime_dir()}; start one with `otpy run FILE`")
    if len(names) > 1:
        raise NodeNotFound(
            f"more than one node runs: {', '.join(names)}; name the one you mean, "
            f"for example {names[0]!r}"
        )
    return names[0]
