"""The worker's end of links: what clients send, and how they are answered.

Every call passes through here: a read, a decoder that was made once, a write.
"""

import itertools
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from otpy.errors import FrameTooLarge, NotSendable, OtpyError, ProtocolError
from otpy.server.context import current
from otpy.system.pipes import widen
from otpy.wire import link as say
from otpy.wire import peer
from otpy.wire.control import Address
from otpy.wire.frames import Body, Frame, FrameDecoder, LargeFrame, whole
from otpy.wire.packing import pack_frame, printable

_FIRST_BYTES: Final = 479
"""What Python allocates by itself (512 bytes with the object's head): most reads bring less."""

READ_BYTES: Final = 1 << 16
_REFUSAL_CHARS: Final = 50_000

_ids: Final = itertools.count(1)


class Cast(msgspec.Struct, array_like=True, tag=say.CAST, forbid_unknown_fields=True):
    """A request that nobody waits for."""

    request: Any


class _Casts(msgspec.Struct, array_like=True, tag=say.CASTS, forbid_unknown_fields=True):
    requests: list[Any]


if TYPE_CHECKING:
    _NotSent: TypeAlias = Any
else:
    _NotSent = None


class LinkCall(msgspec.Struct, array_like=True, tag=say.CALL, forbid_unknown_fields=True):
    """A call that came over a link, and who made it.

    It is what the decoder makes, so that a call is one object; nobody can send more than nil for
    what comes behind the request.
    """

    number: int
    request: Any
    link: _NotSent = None
    answered: _NotSent = None

    def __reduce__(self) -> tuple[object, ...]:
        # In another process it answers by way of this one, which holds the link.
        me = current()
        return RemoteCaller, (me.name, me.incarnation, self.link.id, self.number)

    def reply(self, value: object) -> None:
        """Answer the call; what cannot be sent is an error to the caller, not to the server."""
        if self.answered:
            return
        try:
            self.link.send((say.REPLY, self.number, value))
        except (NotSendable, FrameTooLarge) as error:
            self.refuse(error)
        self.answered = True

    def refuse(self, error: OtpyError) -> None:
        """Answer the call with an error; one of a class of the user's is what it is based on."""
        if self.answered:
            return
        bases = (base for base in type(error).__mro__ if base.__module__ == OtpyError.__module__)
        answer = (say.ERROR, self.number, next(bases).__name__)
        try:
            self.link.send((*answer, list(error.args)))
        except (NotSendable, FrameTooLarge):
            self.link.send((*answer, [printable(error, _REFUSAL_CHARS)]))
        self.answered = True


@dataclass(slots=True)
class RemoteCaller:
    """Who made a call to another process, which handed it on."""

    server: str
    incarnation: int
    link: int
    number: int
    answered: bool = False

    def reply(self, value: object) -> None:
        """Answer the call. A second reply is dropped, as is one to a caller that has gone.

        Raises:
            NotSendable: Pickle cannot carry the value.
        """
        if self.answered:
            return
        self.answered = True
        current().peers.reply_for(self.server, self.incarnation, self.link, self.number, value)


class Info(msgspec.Struct, array_like=True, tag=say.INFO, forbid_unknown_fields=True, eq=False):
    """Any other message: a timer's, the news of a process's end, what was dispatched.

    Equal only to itself, so that it can be found.
    """

    message: Any


Received: TypeAlias = LinkCall | Cast | Info

_decode: Final = msgspec.msgpack.Decoder(LinkCall | Cast | _Casts | Info).decode


class Link:
    """The worker's end of the pipes to one client.

    Args:
        read: Read end of the pipe from the client.
        write: Write end of the pipe to it.
        blocked: Told when an answer did not fit; `flush` is to be called when there is room.

    Attributes:
        sent: Told what is sent, if somebody traces it.
    """

    peer: Address | None = None

    def __init__(self, read: int, write: int, blocked: Callable[["Link"], None]) -> None:
        self.id = next(_ids)
        self.read, self.write, self._blocked = read, write, blocked
        self.open = True
        self.sent: Callable[[int, tuple[Any, ...]], None] | None = None
        self._frames = FrameDecoder()
        self._framed: Callable[[tuple[Any, ...]], Frame] = pack_frame
        self._out = bytearray()
        os.set_blocking(read, False)
        os.set_blocking(write, False)

    def receive(self, deliver: Callable[[Received], None]) -> bool:
        """Read once, and deliver every message that is complete; False at the end.

        Raises:
            ProtocolError: It is not what a client says.
        """
        try:
            if self._frames.room is not None:
                count = os.readv(self.read, [self._frames.room])
                bodies = self._frames.filled(count) if count else None
            else:
                bodies = self._bodies()
        except BlockingIOError:
            return True
        except OSError:
            return False
        if bodies is None:
            return False
        for body in bodies:
            self._take(body, deliver)
        return True

    def _bodies(self) -> list[Body] | None:
        data = os.read(self.read, _FIRST_BYTES)
        if len(data) == _FIRST_BYTES:
            data += self._read_on()
        return self._frames.feed(data) if data else None

    def _read_on(self) -> bytes:
        try:
            return os.read(self.read, READ_BYTES)
        except BlockingIOError:
            return b""

    def _take(self, body: Body, deliver: Callable[[Received], None]) -> None:
        try:
            message: Received | _Casts = _decode(body)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"neither a call nor a cast: {error}") from None
        if type(message) is LinkCall or type(message) is Cast:
            if type(message.request) is list:
                message.request = tuple(message.request)
            if type(message) is LinkCall:
                message.link = self
            deliver(message)
        elif isinstance(message, _Casts):
            for request in message.requests:
                deliver(Cast(tuple(request) if type(request) is list else request))
        elif isinstance(message, Info):
            deliver(Info(say.request_value(message.message)))

    def send(self, message: tuple[object, ...]) -> None:
        """Send a message, or queue what does not fit.

        Raises:
            NotSendable: The link cannot carry it.
            FrameTooLarge: It is over `max_frame`.
        """
        framed = self._framed
        data = framed(message)
        if self.sent is not None:
            self.sent(self.id, message)
        if not self.open:
            return
        if self._out:
            self._out += whole(data)
            return
        if isinstance(data, LargeFrame):
            self._send_pieces(data.pieces)
            return
        try:
            sent = os.write(self.write, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return
        if sent != len(data):
            self._out += data[sent:]
            self._blocked(self)

    def _send_pieces(self, pieces: list[bytes | memoryview]) -> None:
        widen(self.write)
        try:
            sent = os.writev(self.write, pieces)
        except BlockingIOError:
            sent = 0
        except OSError:
            return
        for piece in pieces:
            self._out += memoryview(piece)[sent:]
            sent = max(0, sent - len(piece))
        if self._out:
            self._blocked(self)

    def flush(self) -> bool:
        """Send what is queued; tell whether all of it was sent."""
        try:
            while self._out:
                del self._out[: os.write(self.write, self._out)]
        except BlockingIOError:
            return False
        except OSError:
            self._out.clear()
        return True

    def close(self) -> None:
        """Close both pipes; the second time does nothing."""
        if self.open:
            self.open = False
            os.close(self.read)
            os.close(self.write)


class PeerLink(Link):
    """The worker's end of the pipes to another worker of its tree, which sends any value.

    Args:
        read: As a `Link`'s.
        write: As a `Link`'s.
        blocked: As a `Link`'s.
        peer: Who is at the other end.
    """

    def __init__(
        self, read: int, write: int, blocked: Callable[[Link], None], peer: Address
    ) -> None:
        super().__init__(read, write, blocked)
        self.peer = peer
        self._framed = _peer_framed

    def _take(self, body: Body, deliver: Callable[[Received], None]) -> None:
        try:
            kind, number = peer.peer_header(body)
        except struct.error as error:
            raise ProtocolError(f"not a message of a worker: {error}") from None
        try:
            message = self._message(kind, number, peer.peer_value(body))
        except NotSendable as error:
            # The sender's value, or its class, is at fault: this process goes on.
            if kind == peer.CALL:
                LinkCall(number, None, self).refuse(error)
            else:
                sys.stderr.write(f"NotSendable: {error}\n")
            return
        if message is not None:
            deliver(message)

    def _message(self, kind: int, number: int, value: Any) -> Received | None:
        if kind == peer.CALL:
            return LinkCall(number, value, self)
        match kind:
            case peer.CAST:
                return Cast(value)
            case peer.INFO:
                return Info(value)
            case peer.REPLY_FOR:
                current().mailbox.reply(*value)
                return None
            case _:
                raise ProtocolError(f"not a message of a worker: kind {kind}")


def _peer_framed(message: tuple[Any, ...]) -> Frame:
    kind = message[0]
    if kind == say.REPLY:
        return peer.peer_frame(peer.REPLY, message[1], message[2])
    if kind == say.ERROR:
        return peer.peer_frame(peer.ERROR, message[1], message[2:])
    return peer.peer_frame(_PEER_KINDS[kind], 0, message[1:])


_PEER_KINDS: Final = {say.GREETING: peer.GREETING, say.DOWN: peer.DOWN}
