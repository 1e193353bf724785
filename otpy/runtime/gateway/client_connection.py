"""The gateway's end of one client's connection: frames in and out, bounded both ways."""

import resource
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import msgspec

from otpy.errors import FrameTooLarge, NotSendable, OtpyError, ProtocolError
from otpy.system.credentials import Peer, peer_of
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import send_fds
from otpy.system.loop import READABLE, WRITABLE, Loop, Timer
from otpy.system.sockets import Socket
from otpy.wire.codec import pack, printable
from otpy.wire.control import Address
from otpy.wire.frames import MAX_FRAME, Body, FrameDecoder, frame
from otpy.wire.gateway import ERROR, EVENT, OK, GatewayRequest, request_limit
from otpy.wire.safe_repr import REASON_CHARS
from otpy.wire.values import revived

_READ_BYTES: Final = 1 << 16
_MAX_UNREAD: Final = 16 << 20
_PAGE: Final = 1 << 16
"""Bytes that may wait for a client to read them before it is sent more of what is sent in pages."""

_MAX_HELLO: Final = 1 << 12
PATIENCE_S: Final = 10.0
"""Most seconds a client may take for its hello, and for a frame that it began."""

_TURN_S: Final = 0.002
"""How long the requests of one client are served before it is another's turn."""

_MOST_UNDER_WAY: Final = 1024
_SHARE: Final = 16
"""Requests of one client that the tree has not answered: each may hold some of the files that the
gateway may have open, of which no client is to take most."""

_requests: Final = msgspec.msgpack.Decoder(GatewayRequest, ext_hook=revived)


class Client:
    """One connection on the control socket.

    Args:
        connection: Owned from now on.
        loop: Where it is waited for.
        on_request: Called with each request.
        on_close: Called once when the connection has ended.
        log: Called with a line about a client that was at fault.

    Attributes:
        on_room: Called when it has read what was sent to it, after it had not.
        under_way: How many of its requests the tree has not answered; with too many it is not read.
        watched: The incarnations whose end answers a request, by its number.
    """

    def __init__(
        self,
        connection: Socket,
        loop: Loop,
        on_request: "Callable[[Client, GatewayRequest], None]",
        on_close: "Callable[[Client], None]",
        log: Callable[[str], None],
    ) -> None:
        self._socket, self._loop = connection, loop
        self._on_request, self._on_close, self._log = on_request, on_close, log
        self._decoder = FrameDecoder(_MAX_HELLO)
        self._out: deque[tuple[bytes, tuple[Descriptor, ...]]] = deque()
        self._unread = 0
        self._events = READABLE
        self._requests: deque[Body] = deque()
        self._has_turn = False
        self.under_way = 0
        self.watched: dict[int, Address] = {}
        self._most_under_way = _most_under_way()
        self.handshake_done = False
        self.closed = False
        self.on_room: Callable[[], None] | None = None
        loop.watch(connection, self._ready, READABLE)
        self._impatience: Timer | None = loop.call_later(PATIENCE_S, self.close)

    @property
    def peer(self) -> Peer:
        """The process that made the connection."""
        return peer_of(self._socket)

    def handshake_ended(self) -> None:
        """Allow larger requests: the client has sent its hello."""
        self.handshake_done = True
        self._decoder.max_frame = MAX_FRAME

    def reply(self, number: int, value: object, fds: Sequence[Descriptor] = ()) -> None:
        """Answer a request; the descriptors are closed here once they are sent."""
        self._send([number, OK, value], fds)

    def fail(self, number: int, error: OtpyError) -> None:
        """Answer a request with an error."""
        self._send([number, ERROR, type(error).__name__, list(error.args)])

    def event(self, number: int, event: object, position: int) -> None:
        """Send one event of those asked for, and its own number."""
        self._send([number, EVENT, event, [position]])

    @property
    def has_room(self) -> bool:
        """Whether the client has read nearly all that was sent; else `on_room` is called then."""
        return not self.closed and self._unread < _PAGE

    def drop(self, error: Exception) -> None:
        """Close the connection for a wrong message, and report that to the client and the log.

        Whatever exception a client's bytes raise, they end that client's connection alone.
        """
        if self.closed:
            return
        problem = printable(f"{type(error).__name__}: {error}", REASON_CHARS)
        pid, _ = self.peer
        self.fail(0, error if isinstance(error, ProtocolError) else ProtocolError(problem))
        self.close()
        self._log(f"dropped the client with pid {pid}: {problem}")

    def close(self) -> None:
        """End the connection; the second time does nothing."""
        if self.closed:
            return
        self.closed = True
        if self._impatience is not None:
            self._impatience.cancel()
        self._socket.close()
        for _, fds in self._out:
            close_all(fds)
        self._on_close(self)

    def _send(self, message: list[object], fds: Sequence[Descriptor] = ()) -> None:
        try:
            data = frame(pack(message))
        except (NotSendable, FrameTooLarge) as error:
            close_all(fds)
            data, fds = frame(pack([message[0], ERROR, "OtpyError", [str(error)]])), ()
        if self.closed or (self._unread and self._unread + len(data) > _MAX_UNREAD):
            # A client that does not read must not make the gateway grow.
            close_all(fds)
            self.close()
            return
        self._out.append((data, tuple(fds)))
        self._unread += len(data)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                data, fds = self._out[0]
                sent = send_fds(self._socket, data, fds)
                close_all(fds)
                self._unread -= sent
                if sent < len(data):
                    self._out[0] = (data[sent:], ())
                else:
                    self._out.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._out or self._events & WRITABLE:
            self._wait()

    def _wait(self) -> None:
        """Wait for room for what it is to read, and for requests if it may make any now."""
        may_ask = not self._requests and self.under_way < self._most_under_way
        events = (READABLE if may_ask else 0) | (WRITABLE if self._out else 0)
        if events != self._events:
            self._events = events
            self._loop.change(self._socket, events)

    def _ready(self, events: int) -> None:
        try:
            if events & WRITABLE:
                self._flush()
                if self.on_room is not None and self.has_room:
                    self.on_room()
            if events & ~WRITABLE and not self.closed:
                self._read()
        except Exception as error:  # noqa: BLE001  # another client's next request is served
            self.drop(error)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        decoder = self._decoder
        self._requests += decoder.feed(data)
        if not self._has_turn:
            self._serve()
        self._be_patient(self._decoder.partial or not self.handshake_done)

    def _serve(self) -> None:
        """Serve requests for a while; the others when it is this client's turn again."""
        until = time.monotonic() + _TURN_S
        while self._requests and self.under_way < self._most_under_way:
            self._take(self._requests.popleft())
            if self.closed:
                return
            if self._requests and time.monotonic() > until:
                self._ask_for_turn()
                break
        self._wait()

    def _take(self, body: Body) -> None:
        request = _requests.decode(body)
        limit = request_limit(request.operation)
        if len(body) > limit:
            self.fail(request.number, FrameTooLarge(len(body), limit))
        else:
            self._on_request(self, request)

    def _ask_for_turn(self) -> None:
        if not self._has_turn:
            self._has_turn = True
            self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._has_turn = False
        if self.closed:
            return
        try:
            self._serve()
        except Exception as error:  # noqa: BLE001  # as when it is ready
            self.drop(error)

    def request_ended(self) -> None:
        """Note that a request is not under way any more."""
        self.under_way -= 1
        if self.under_way == self._most_under_way - 1 and not self.closed:
            self._ask_for_turn()

    def _be_patient(self, unfinished: bool) -> None:
        """Drop a client that owes us something, after a while."""
        if self.closed or unfinished == (self._impatience is not None):
            return
        if self._impatience is None:
            self._impatience = self._loop.call_later(PATIENCE_S, self.close)
        else:
            self._impatience.cancel()
            self._impatience = None


@cache
def _most_under_way() -> int:
    """Return it; the limit is set once, before there are clients."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(_MOST_UNDER_WAY, files // _SHARE))
