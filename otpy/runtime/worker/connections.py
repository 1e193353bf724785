"""The worker's end of links: what clients send, and how they are answered.

Every call passes through here: a read, a decoder that was made once, a write.
"""

import itertools
import os
import select
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from otpy.errors import FrameTooLarge, NotSendable, OtpyError, ProtocolError, Refused
from otpy.links.deadline import has_passed, poll_ms
from otpy.links.outgoing import Outgoing
from otpy.links.shm_transport import ShmTransport
from otpy.server.context import current
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.std_streams import complain
from otpy.wire import link as wire_link
from otpy.wire.codec import pack_frame, pack_value, printable, unpack, unreadable
from otpy.wire.control import Address
from otpy.wire.frames import HEADER, Body, Frame, FrameDecoder, join
from otpy.wire.unreadable_values import head_of
from otpy.wire.values import revived

_FIRST_BYTES: Final = 479
"""Python's own allocator serves so many (512 bytes with the header); most reads bring less."""

READ_BYTES: Final = 1 << 16
_HEAD: Final = HEADER.size
_length: Final = HEADER.unpack_from
_REFUSAL_CHARS: Final = 50_000

_ids: Final = itertools.count(1)


class Cast(
    msgspec.Struct, array_like=True, tag=wire_link.CAST, forbid_unknown_fields=True, gc=False
):
    """A request without an answer."""

    request: Any


class _Casts(msgspec.Struct, array_like=True, tag=wire_link.CASTS, forbid_unknown_fields=True):
    """Casts that were sent together, and all with arguments, as nearly always."""

    requests: list[tuple[Any, ...]]


if TYPE_CHECKING:
    from otpy.runtime.worker.answer_gate import AnswerGate

    _NotSent: TypeAlias = Any
else:
    _NotSent = None


class LinkCall(
    msgspec.Struct, array_like=True, tag=wire_link.CALL, forbid_unknown_fields=True, eq=False
):
    """A call that came over a link, and its caller.

    It is what the decoder makes, so that a call is one object; a peer can send no more than nil for
    what comes behind the request. As the caller it is a value: equal to what stands for the same
    call, whatever the requests are.
    """

    number: int
    request: Any
    link: _NotSent = None
    answered: _NotSent = None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LinkCall):
            return self.number == other.number and self.link is other.link
        return isinstance(other, RemoteCaller) and other == self

    def __hash__(self) -> int:
        return hash((self.link and self.link.id, self.number))

    def __reduce__(self) -> tuple[object, ...]:
        # In another process it answers by way of this one, which holds the link.
        return RemoteCaller, self._address()

    def handed_on(self) -> "RemoteCaller":
        """Return the caller in a form that can be sent to other processes."""
        return RemoteCaller(*self._address())

    def _address(self) -> tuple[str, int, int, int]:
        me = current()
        return me.name, me.incarnation, self.link.id, self.number

    def reply(self, value: object) -> None:
        """Answer the call; what cannot be sent is an error to the caller, not to the server."""
        if self.answered:
            return
        try:
            self.link.send((wire_link.REPLY, self.number, value))
        except (NotSendable, FrameTooLarge) as error:
            self.refuse(error)
        self.answered = True

    def refuse(self, error: OtpyError) -> None:
        """Answer the call with an error; one of a class of the user's is what it is based on."""
        if self.answered:
            return
        bases = (base for base in type(error).__mro__ if base.__module__ == OtpyError.__module__)
        answer = (wire_link.ERROR, self.number, next(bases).__name__)
        try:
            self.link.send((*answer, list(error.args)))
        except (NotSendable, FrameTooLarge):
            self.link.send((*answer, [printable(error, _REFUSAL_CHARS)]))
        self.answered = True


class OnceCall(LinkCall, tag=wire_link.CALL_ONCE, forbid_unknown_fields=True, eq=False):
    """A call that is applied once, however often it is sent; for a durable server.

    What stands between the request and the session is nil.
    """

    session: bytes = b""
    serial: int = 0

    def reply(self, value: object) -> None:
        """Answer the call, and those that have repeated it."""
        if self.answered:
            return
        try:
            answer = self.link.kept_form((wire_link.REPLY, value))
        except (NotSendable, FrameTooLarge) as error:
            self.refuse(error)
            return
        super().reply(value)
        self.link.gate.answered(self, answer)

    def refuse(self, error: OtpyError) -> None:
        """Answer the call with an error, and those that have repeated it."""
        if self.answered:
            return
        super().refuse(error)
        bases = (base for base in type(error).__mro__ if base.__module__ == OtpyError.__module__)
        arguments = [printable(each, _REFUSAL_CHARS) for each in error.args]
        answer = self.link.kept_form((wire_link.ERROR, (next(bases).__name__, arguments)))
        self.link.gate.answered(self, answer)

    def repeat(self, answer: bytes) -> None:
        """Answer as the call was answered before."""
        if answer == NOT_ANSWERED:
            LinkCall.refuse(self, Refused(_LOST_ANSWER))
            return
        kind, value = self.link.of_kept_form(answer)
        if kind == wire_link.REPLY:
            LinkCall.reply(self, value)
        else:
            self.link.send((wire_link.ERROR, self.number, *value))
            self.answered = True


NOT_ANSWERED: Final = b""
"""What is kept for a call that was applied, and that its server answers later."""

_LOST_ANSWER: Final = "it was applied, but the process that owed the answer has ended since"


@dataclass(slots=True, eq=False)
class RemoteCaller:
    """The caller of another process, which forwarded the call; a value, as `LinkCall`."""

    server: str
    incarnation: int
    link: int
    number: int
    answered: bool = False

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LinkCall):
            try:
                return self == other.handed_on()
            except OtpyError:  # this is no worker any more, but what one has forked
                return False
        return isinstance(other, RemoteCaller) and self._call == other._call

    def __hash__(self) -> int:
        return hash((self.link, self.number))

    @property
    def _call(self) -> tuple[str, int, int, int]:
        return self.server, self.incarnation, self.link, self.number

    def reply(self, value: object) -> None:
        """Answer the call. A second reply is dropped, as is one to a caller that has gone.

        Raises:
            NotSendable: Pickle cannot carry the value.
        """
        if self.answered:
            return
        self.answered = True
        current().peers.reply_for(self.server, self.incarnation, self.link, self.number, value)


class Info(
    msgspec.Struct, array_like=True, tag=wire_link.INFO, forbid_unknown_fields=True, eq=False
):
    """Any other message: a timer's, the notification of a process's end, what was dispatched.

    Equal only to itself, so that it can be found.
    """

    message: Any


_ANSWERS: Final = frozenset({wire_link.REPLY, wire_link.ERROR})

Received: TypeAlias = LinkCall | Cast | Info
Queue: TypeAlias = deque[Any]
"""Where what was received waits, among other things."""

_decode: Final = msgspec.msgpack.Decoder(
    LinkCall | Cast | _Casts | Info | OnceCall, ext_hook=revived
).decode
_several: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_value: Final = msgspec.msgpack.Decoder(ext_hook=revived).decode

_NUMBERED: Final = {wire_link.CALL: 3, wire_link.CALL_ONCE: 7}
_OTHERS: Final = {wire_link.CAST: 2, wire_link.CASTS: 2, wire_link.INFO: 2}


def _casts(requests: msgspec.Raw) -> Iterator[Cast]:
    """Read casts one by one: some may have no arguments, some may be unreadable.

    Raises:
        ProtocolError: They are no casts.
    """
    try:
        each = _several(requests)
    except ValueError as error:
        raise ProtocolError(f"neither a call nor a cast: {error}") from None
    for request in each:
        try:
            yield Cast(wire_link.request_value(_value(request)))
        except Exception as error:  # noqa: BLE001  # whatever the value is
            complain(f"NotSendable: a cast: {unreadable(error)}\n")


class IncomingLink:
    """The worker's end of the pipes to one client. Any thread may send; one receives.

    Args:
        read: Read end of the pipe from the client; this and the other are handed over.
        write: Write end of the pipe to it.
        blocked: Called with True when an answer did not fit: `flush` is to be called when there
            is room; and with False when all of it was sent. The lock is held then.
        shm: Where large answers are written; None if they go by the pipe.

    Attributes:
        sent: Called with each answer while the worker is traced.
        gate: What holds the answers of a durable server until its state is stored.
        outgoing: The frames to send; its lock is held while the link is closed, as others may send.
    """

    peer: Address | None = None
    gate: "AnswerGate | None" = None

    def __init__(
        self,
        read: Descriptor,
        write: Descriptor,
        blocked: Callable[["IncomingLink", bool], None],
        shm: ShmTransport | None = None,
    ) -> None:
        self.id = next(_ids)
        self._owned = (read, write)
        # The numbers are for every message, without a call for each.
        self.read, self.write = read.fileno(), write.fileno()
        self.open = True
        self.outgoing = Outgoing(self.write, partial(blocked, self), shm)
        self.sent: Callable[[int, tuple[Any, ...]], None] | None = None
        self._frames = FrameDecoder()
        self._framed: Callable[[tuple[Any, ...]], Frame] = pack_frame

    def receive(self, ready: Queue) -> bool:
        """Read once, and put every message that is complete into `ready`; False at the end.

        Raises:
            ProtocolError: It is not what a client says.
        """
        if self._frames.buffer is not None:
            return self._receive_large(ready)
        try:
            data = os.read(self.read, _FIRST_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        size = len(data) - _HEAD
        if size > 0 and _length(data)[0] == size and not self._frames.partial:
            self._take(data[_HEAD:], ready)  # one message, as nearly always
            return True
        if len(data) == _FIRST_BYTES:
            data += self._read_on()
        for body in self._frames.feed(data):
            self._take(body, ready)
        return bool(data)

    def _receive_large(self, ready: Queue) -> bool:
        assert self._frames.buffer is not None
        try:
            count = os.readv(self.read, [self._frames.buffer])
        except BlockingIOError:
            return True
        except OSError:
            return False
        for body in self._frames.buffer_updated(count):
            self._take(body, ready)
        return count > 0

    def _read_on(self) -> bytes:
        try:
            return os.read(self.read, READ_BYTES)
        except BlockingIOError:
            return b""

    def _take(self, body: Body, ready: Queue) -> None:
        try:
            message: Received | _Casts = _decode(body)
        except Exception as error:  # noqa: BLE001  # whatever the value is
            self._take_badly(body, error, ready)
            return
        if type(message) is LinkCall or type(message) is Cast:
            if type(message.request) is list:
                message.request = tuple(message.request)
            if type(message) is LinkCall:
                message.link = self
            ready.append(message)
        elif isinstance(message, _Casts):
            ready.extend(map(Cast, message.requests))
        elif isinstance(message, Info):
            ready.append(Info(wire_link.request_value(message.message)))
        else:
            assert isinstance(message, OnceCall)
            message.request = wire_link.request_value(message.request)
            self._take_once(message, ready)

    def _take_once(self, call: OnceCall, ready: Queue) -> None:
        call.link, call.answered = self, None
        if self.gate is not None:
            ready.append(call)
        else:
            LinkCall.refuse(call, Refused("it is not durable: nothing is kept of what it applied"))

    def _take_badly(self, body: Body, error: Exception, ready: Queue) -> None:
        """Refuse a message whose value cannot be read, and none of the others."""
        head = head_of(body, _NUMBERED, _OTHERS)
        if head is None:
            raise ProtocolError(f"neither a call nor a cast: {error}") from None
        if head.kind in _NUMBERED:
            LinkCall(head.number, None, self).refuse(NotSendable(unreadable(error)))
        elif head.kind == wire_link.CASTS and head.value is not None:
            ready.extend(_casts(head.value))
        else:
            complain(f"NotSendable: a message: {unreadable(error)}\n")

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
        if self.gate is not None and message[0] in _ANSWERS:
            # The server may change what a large frame refers to before it is sent.
            self.gate.hold((self.outgoing, data if type(data) is bytes else join(data)))
        else:
            self.outgoing.send(data)

    def kept_form(self, answer: tuple[int, object]) -> bytes:
        """Return the form in which an answer is kept; raises as `send`."""
        return pack_value(answer)

    def of_kept_form(self, data: bytes) -> tuple[int, Any]:
        """Return the answer that is kept so."""
        answer: Any = unpack(data)
        return answer[0], answer[1]

    def flush(self) -> bool:
        """Send the queued frames; return whether all were sent."""
        return self.outgoing.flush()

    def close(self) -> None:
        """Close both pipes; the second time does nothing."""
        if self.open:
            self.open = False
            self.outgoing.close()
            close_all(self._owned)


def flush_blocked(blocked: Mapping[int, IncomingLink], deadline: float | None) -> None:
    """Wait until every slow reader has read, or has gone, or the deadline has passed.

    Args:
        blocked: Those links, by their write ends; each leaves when it has been read.
        deadline: None waits for ever.
    """
    while blocked and not has_passed(deadline):
        room = select.poll()
        for pipe in tuple(blocked):
            room.register(pipe, select.POLLOUT)
        for pipe, _ in room.poll(poll_ms(deadline)):
            blocked[pipe].flush()
