"""A framed, non-blocking socket between two processes of a tree; descriptors travel along."""

import array
import errno
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from otpy.errors import ProtocolError
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.loop import READABLE, WRITABLE, Loop
from otpy.system.sockets import Socket

_READ_BYTES: Final = 1 << 16
_MAX_FDS: Final = 8
_MAX_WAITING_FDS: Final = 256
"""Sets of descriptors whose messages have not come, at most: a wrong sender keeps sending them."""
_ANCILLARY: Final = socket.CMSG_SPACE(_MAX_FDS * 4)
_SHORTAGES: Final = (errno.ENOBUFS, errno.ENOMEM, errno.EINTR)
"""The errors of a temporary shortage, not of a lost other end."""
_SEND_AGAIN_S: Final = 0.05
_RECV_FLAGS: Final = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC

Handler = Callable[[object, tuple[Descriptor, ...]], None]


class NotSent(Exception):
    """A message was not sent; the descriptors that were to go with it are closed."""


class SocketFull(NotSent):
    """The other end has not read for so long that `max_queued` messages wait for it."""


class SocketClosed(NotSent):
    """The other end has gone, or this one was closed."""


class Sender(Protocol):
    """What answers go to: a socket, or something in this process."""

    def send(self, message: object, fds: Sequence[Descriptor] = ()) -> bool:
        """Send, or take; see `MessageSocket.send`."""


class MessageSocket:
    """One end of a `multiprocessing.Pipe`, in messages.

    Args:
        connection: The socket; the channel owns it from now on.
        split: A frame decoder: bytes in, bodies out; raises `ProtocolError`.
        write: Makes a message and the number of its descriptors a frame.
        read: Makes a body these two; raises `ProtocolError`.
        max_queued: Messages that may wait while the other end does not read.

    Attributes:
        on_room: Called when the other end, which had not, has read again.
    """

    def __init__(
        self,
        connection: Socket,
        split: Callable[[bytes], Sequence[bytes | bytearray]],
        write: Callable[[object, int], bytes],
        read: Callable[[bytes | bytearray], tuple[int, object]],
        max_queued: int = 4096,
    ) -> None:
        self._socket = connection
        self._split, self._write, self._read = split, write, read
        self._max_queued = max_queued
        self._out: deque[tuple[memoryview, tuple[Descriptor, ...], object]] = deque()
        self._fds: deque[tuple[Descriptor, ...]] = deque()
        self._loop: Loop | None = None
        self._broken = False
        self._waits_to_write = False
        self.on_room: Callable[[], None] | None = None
        self.closed = False

    def attach(
        self,
        loop: Loop,
        on_message: Handler,
        on_close: Callable[[], None],
        on_garbage: Callable[[ProtocolError], None] | None = None,
    ) -> None:
        """Hand every message that arrives to `on_message`, until the other end closes.

        What is no message goes to `on_garbage`, which has to stop the sender; without it, the
        sender is trusted.
        """

        def ready(events: int) -> None:
            if events & WRITABLE:
                self.flush()
                if self.on_room is not None:
                    self.on_room()
            if events & ~WRITABLE:
                try:
                    if not self.receive(on_message):
                        on_close()
                except ProtocolError as error:
                    if on_garbage is None:
                        raise
                    on_garbage(error)

        self._loop = loop
        self._waits_to_write = bool(self._out)
        loop.watch(self._socket, ready, READABLE | (WRITABLE if self._out else 0))

    def fileno(self) -> int:
        """Return the number of the socket's descriptor."""
        return self._socket.fileno()

    def detach(self) -> None:
        """Stop waiting for messages; the socket stays open for what is still to be read."""
        if self._loop is not None:
            self._loop.unwatch(self._socket)
            self._loop = None

    @property
    def has_room(self) -> bool:
        """Whether `send` accepts a message now."""
        return len(self._out) < self._max_queued and not (self.closed or self._broken)

    def send(self, message: object, fds: Sequence[Descriptor] = ()) -> bool:
        """Send, or queue what does not fit now; the descriptors are closed here once sent.

        Return whether nothing is queued.

        If the kernel does not take them, the message arrives without them.

        What is sent as the other end goes is lost without an error; `attach` tells that it went.

        Raises:
            SocketFull: Too much is queued. Nothing was sent; the descriptors are closed.
            SocketClosed: There is no other end any more. The descriptors are closed.
        """
        # As `has_room`: a call less is two pages less of every worker's own.
        if len(self._out) >= self._max_queued or self.closed or self._broken:
            close_all(fds)
            raise SocketClosed if self.closed or self._broken else SocketFull
        try:
            data = memoryview(self._write(message, len(fds)))
        except BaseException:
            close_all(fds)
            raise
        self._out.append((data, tuple(fds), message if fds else None))
        if len(self._out) == 1:
            self.flush()
        return not self._out

    def flush(self) -> None:
        """Send the queued messages, as far as the other end has room."""
        try:
            while self._out:
                self._send_head()
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno in _SHORTAGES and self._loop is not None:
                self._loop.call_later(_SEND_AGAIN_S, self.flush)
                return
            # It is gone; the watch of its pidfd or the end-of-file will say so.
            self._broken = True
            self._drop_queue()
        if self._loop is not None and self._waits_to_write != bool(self._out):
            self._waits_to_write = bool(self._out)
            self._loop.change(self._socket, READABLE | (WRITABLE if self._out else 0))

    def flush_within(self, seconds: float) -> None:
        """Wait until everything is sent or the other end is gone, at most for `seconds`."""
        deadline = time.monotonic() + seconds
        while self._out and (left := deadline - time.monotonic()) > 0:
            writable = select.poll()
            writable.register(self._socket, select.POLLOUT)
            writable.poll(left * 1000)
            self.flush()

    def _send_head(self) -> None:
        data, fds, message = self._out[0]
        if fds:
            rights = (
                socket.SOL_SOCKET,
                socket.SCM_RIGHTS,
                array.array("i", [fd.fileno() for fd in fds]),
            )
            try:
                sent = self._socket.sendmsg([data], [rights], socket.MSG_DONTWAIT)
            except OSError as error:
                if error.errno != errno.ETOOMANYREFS:
                    raise
                # Too many of this user's are on their way (unix(7)): the message goes without.
                sent, data = 0, memoryview(self._write(message, 0))
            close_all(fds)
        else:
            sent = self._socket.send(data, socket.MSG_DONTWAIT)
        if sent == len(data):
            self._out.popleft()
        else:
            self._out[0] = (data[sent:], (), None)

    def receive(self, on_message: Handler) -> bool:
        """Hand over every message that can be read now; return whether the other end is there.

        Raises:
            ProtocolError: What was read is no message.
        """
        while not self.closed:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_READ_BYTES, _ANCILLARY, _RECV_FLAGS)
            except BlockingIOError:
                return True
            except OSError as error:
                return error.errno in _SHORTAGES  # then it is readable still
            for _, _, payload in ancillary:
                whole = len(payload) - len(payload) % 4
                numbers = array.array("i", payload[:whole])
                self._fds.append(tuple([Descriptor(number) for number in numbers]))
            if not data:
                return False
            for body in self._split(data):
                count, message = self._read(body)
                on_message(message, self._take_fds(count) if count else ())
            if len(self._fds) > _MAX_WAITING_FDS:
                raise ProtocolError("descriptors without messages")
        return False

    def _take_fds(self, count: int) -> tuple[Descriptor, ...]:
        """Return the descriptors of one message; none if the kernel had to drop some."""
        # One sendmsg carries the descriptors of one message, and one recvmsg never merges two
        # of them, so that they arrive in the order of the messages (unix(7), SCM_RIGHTS).
        fds = self._fds.popleft() if self._fds else ()
        if len(fds) == count:
            return fds
        close_all(fds)
        return ()

    def _drop_queue(self) -> None:
        for _, fds, _message in self._out:
            close_all(fds)
        self._out.clear()

    def close(self) -> None:
        """Close the socket and every descriptor that was under way."""
        if self.closed:
            return
        self.closed = True
        self.detach()
        self._drop_queue()
        for fds in self._fds:
            close_all(fds)
        self._fds.clear()
        self._socket.close()
