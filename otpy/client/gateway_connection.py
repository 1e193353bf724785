"""One connection to one incarnation of the gateway; by hand, as its twin on an event loop."""

import contextlib
import errno
import math
import os
import socket
import struct
import time
from typing import Any, Final, TypeAlias

from otpy.client.protocol import GatewayAnswer, GatewayProtocol
from otpy.client.running_nodes import not_running
from otpy.errors import NodeNotFound, RuntimeDirError
from otpy.links.connection import Connection
from otpy.links.deadline import TooLate, has_passed, seconds_left
from otpy.links.protocol import error_of
from otpy.links.waiter import Lost, NotDelivered, Waiter
from otpy.system.credentials import peer_of
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import recv_fds
from otpy.system.locks import new_lock
from otpy.system.sockets import unconnected_socket
from otpy.wire import gateway

READ_BYTES: Final = 1 << 16
_TIMEVAL: Final = struct.Struct("@ll")

NO_ONE_LISTENS: Final = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)

Answered: TypeAlias = tuple[GatewayAnswer, tuple[Descriptor, ...]]


GOES_ON_AFTER_FORK: Final = True
"""The child makes connections of its own."""


class GatewayConnection(Connection[Answered]):
    """One connection to one incarnation of the gateway."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        super().__init__(sock, sock)
        self._sock = sock
        self._protocol = GatewayProtocol()
        self._handing_over = new_lock()

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

        What does not fit now is dropped: a caller that has run out of time waits no longer.
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
        # A caller that runs out of time just now must not leave descriptors behind.
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
        close_all(self._protocol.take_unread_fds())


def open_socket(name: str, path: str, deadline: float | None) -> socket.socket:
    """Connect to the control socket; it waits in the backlog if no gateway runs just now.

    Raises:
        NodeNotFound: No process listens there.
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
        refuse_other_program(sock, path)
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


def refuse_other_program(sock: socket.socket, path: str) -> None:
    """Refuse to talk to another user's process.

    The directory was checked before; another user may have replaced it since.

    Raises:
        RuntimeDirError: Neither this user nor root listens there.
    """
    peer = peer_of(sock)
    if not peer.is_trusted:
        raise RuntimeDirError(
            f"{path}: user {peer.uid} listens there, expected user {os.geteuid()} or root; "
            f"nothing was sent; set OTPY_DIR to a directory of your own"
        )


def send_all(sock: socket.socket, data: bytes) -> None:
    """Send all of `data`; raises OSError."""
    sock.sendall(data)
