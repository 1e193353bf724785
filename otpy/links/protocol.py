"""The protocol of a link, the caller's end: bytes in, values out; no I/O, no clock.

The owner of the descriptors feeds it what was read, and writes what it returns.
"""

import abc
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import msgspec

from otpy import errors
from otpy.errors import OtpyError, ProtocolError
from otpy.links.once import Once
from otpy.wire import link
from otpy.wire.codec import (
    HEADERS,
    SMALL,
    UNSENDABLE,
    encode,
    framed,
    pack_request,
    pack_requests,
    unreadable,
)
from otpy.wire.frames import HEADER, MAX_FRAME, Body, Frame, FrameDecoder, LargeFrame
from otpy.wire.shm_ring import ShmBody, ShmOffer
from otpy.wire.unreadable_values import head_of
from otpy.wire.values import SCALARS, carried, revived


class LinkHello(msgspec.Struct, array_like=True, tag=link.HELLO, frozen=True):
    """The worker's first word."""

    version: int
    incarnation: int
    max_frame: int


class Reply(msgspec.Struct, array_like=True, tag=link.REPLY, frozen=True):
    """The server's reply to call `number`."""

    number: int
    value: Any


class Failure(msgspec.Struct, array_like=True, tag=link.ERROR, frozen=True):
    """Call `number` ends with an error of `otpy.errors`; the server goes on."""

    number: int
    error: str
    arguments: list[Any]


class WorkerDown(msgspec.Struct, array_like=True, tag=link.DOWN, frozen=True):
    """The worker's last word: why it ends."""

    reason: str
    traceback: str = ""


LinkAnswer: TypeAlias = Reply | Failure

Beside: TypeAlias = ShmOffer | ShmBody
"""The answers that announce a large message that is not in the pipe."""

Message: TypeAlias = LinkHello | Reply | Failure | WorkerDown | Beside

ROOM: Final = -1
"""The number of an answer to no call: there is room for a large message."""

_decode: Final = msgspec.msgpack.Decoder(
    LinkHello | Reply | Failure | WorkerDown, ext_hook=revived
).decode
_NUMBERED: Final = {link.REPLY: 3, link.ERROR: 4}

_CALL: Final = link.CALL
_WITH_ONE_ARGUMENT: Final = 2
_BEFORE_REQUEST: Final = encode((link.CAST, None))[:-1]
"""The first bytes of a cast."""

_CAST_HEADS: Final = tuple(header + _BEFORE_REQUEST for header in HEADERS[len(_BEFORE_REQUEST) :])
"""Those with the header, by the size of the request."""

_SMALL_REQUEST: Final = len(_CAST_HEADS)
_HEAD: Final = HEADER.size
_length: Final = HEADER.unpack_from


class LinkProtocol(abc.ABC):
    """The calling end of a link: a client's, or a worker's.

    Attributes:
        hello: The content of the worker's hello, received or known before; None until then.
        down: Why the worker ends, once it has said so.
        max_frame: Bytes that a request may have; the worker's own limit once that is known.
    """

    def __init__(self) -> None:
        self.hello: LinkHello | None = None
        self.down: WorkerDown | None = None
        self.max_frame = MAX_FRAME
        self._frames = FrameDecoder()

    def expect(self, version: int, incarnation: int, max_frame: int) -> None:
        """Assume a hello whose content the gateway has sent already.

        Requests need not wait for it then. One of another version is waited for all the same.
        """
        if version == link.VERSION:
            self._receive_hello(LinkHello(version, incarnation, max_frame))

    @abc.abstractmethod
    def call(self, number: int, request: object) -> Frame:
        """Return a call.

        Raises:
            NotSendable: The link cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """

    @abc.abstractmethod
    def cast(self, request: object) -> Frame:
        """Return a cast; raises as `call` does."""

    @abc.abstractmethod
    def casts(self, requests: list[object]) -> Frame:
        """Return several casts; raises as `call` does."""

    @abc.abstractmethod
    def info(self, message: object) -> Frame:
        """Return a message for `handle_info`; raises as `call` does."""

    def receive(self, data: bytes) -> list[LinkAnswer]:
        """Read bytes that the worker sent; return the answers to calls among them.

        Raises:
            ProtocolError: They are not what a worker says. Nothing after them can be read.
        """
        return self._answers(self._frames.feed(data))

    @property
    def room(self) -> memoryview | None:
        """The buffer for the rest of a large answer; `filled` reports what was read into it."""
        return self._frames.buffer

    def filled(self, count: int) -> list[LinkAnswer]:
        """Note that `count` bytes were read into `room`; return as `receive`."""
        return self._answers(self._frames.buffer_updated(count))

    def _answers(self, bodies: Iterable[Body]) -> list[LinkAnswer]:
        answers: list[LinkAnswer] = []
        for body in bodies:
            message = self._decoded(body)
            if type(message) is Reply or type(message) is Failure:
                answers.append(message)
            else:
                answers += self._noted(message)
        return answers

    def _noted(self, message: Message) -> list[LinkAnswer]:
        """Handle a message of any kind; return its answer, if it is one."""
        match message:
            case Reply() | Failure():
                return [message]
            case WorkerDown():
                self.down = message
            case LinkHello():
                self._receive_hello(message)
            case ShmOffer() | ShmBody():
                return self._beside(message)
        return []

    def _beside(self, message: Beside) -> list[LinkAnswer]:
        """Handle a message about shared memory; return its answer, if it is one."""
        raise ProtocolError(f"not for this link: {message}")

    def write(self, data: LargeFrame) -> Frame | None:
        """Return the frame to send in place of `data`; None if there is no room for it yet.

        Each is followed by `commit` or `rollback`.
        """
        return data

    def commit(self) -> None:  # noqa: B027  # most links share no memory
        """Note that the frame was sent that announces what was written."""

    def rollback(self) -> None:  # noqa: B027  # likewise
        """Undo `write`: its frame was not sent, and will not be."""

    def request_space(self, data: LargeFrame) -> bool:  # noqa: ARG002  # likewise
        """Ask the other end to answer number `ROOM` when there is; False if there is by now."""
        return False

    def close(self) -> None:  # noqa: B027  # likewise
        """Release what belongs to the link beside its descriptors."""

    def sole_answer(self, data: bytes) -> LinkAnswer | None:
        """Return the answer that `data` is from its first byte to its last.

        None if it is anything else; nothing was taken then, and `receive` is to be given it.
        """
        size = len(data) - _HEAD
        if size <= 0 or _length(data)[0] != size or self._frames.partial:
            return None
        try:
            message = self._decoded(data[_HEAD:])
        except ProtocolError:
            return None
        return message if type(message) is Reply or type(message) is Failure else None

    @abc.abstractmethod
    def _decoded(self, body: Body) -> Message:
        """Read a message, with no other effect; raises `ProtocolError`."""

    def _receive_hello(self, hello: LinkHello) -> None:
        if hello.version != link.VERSION:
            raise ProtocolError(
                f"the worker speaks version {hello.version} of the link protocol, "
                f"this client version {link.VERSION}; both need the same otpy"
            )
        if self.hello is not None and hello != self.hello:
            raise ProtocolError(f"the worker's {hello} is not {self.hello}, as was announced")
        self.hello = hello
        self.max_frame = hello.max_frame
        self._frames.max_frame = max(MAX_FRAME, hello.max_frame)


class ClientProtocol(LinkProtocol):
    """A client's end: everything is MessagePack."""

    def call(self, number: int, request: object) -> bytes:
        """Return a call."""
        # Most have a name, and one argument or none: these in the fewest steps.
        if type(request) is tuple and len(request) == _WITH_ONE_ARGUMENT:
            name, argument = request
            plain = type(name) is str and type(argument) in SCALARS
        else:
            plain = type(request) is str
        if plain:
            try:
                body = encode((_CALL, number, request))
                if (size := len(body)) < SMALL <= self.max_frame:
                    return HEADERS[size] + body
            except UNSENDABLE:
                pass  # it is told below
        if type(request) is Once:
            return self._once(number, request)
        return pack_request((_CALL, number, request), self.max_frame)

    def _once(self, number: int, call: Once) -> bytes:
        """Return a call that is applied once; what cannot be sent is an error as of another."""
        pack_request((_CALL, number, call.request), self.max_frame)
        request = carried(call.request)
        if type(call.request) is tuple or type(call.request) is list:
            request = [*map(carried, call.request)]
        message = (link.CALL_ONCE, number, request, None, None, call.session, call.serial)
        return framed(message, self.max_frame)

    def cast(self, request: object) -> bytes:
        """Return a cast."""
        if type(request) is tuple and len(request) == _WITH_ONE_ARGUMENT:  # as in `call`
            name, argument = request
            plain = type(name) is str and type(argument) in SCALARS
        else:
            plain = type(request) is str
        if plain:
            try:
                body = encode(request)
                if (size := len(body)) < _SMALL_REQUEST and self.max_frame >= SMALL:
                    return _CAST_HEADS[size] + body
            except UNSENDABLE:
                pass  # it is told below
        return pack_request((link.CAST, request), self.max_frame)

    def casts(self, requests: list[object]) -> bytes:
        """Return several casts."""
        return pack_requests(link.CASTS, requests, self.max_frame)

    def info(self, message: object) -> bytes:
        """Return a message for `handle_info`."""
        return pack_request((link.INFO, message), self.max_frame)

    def _decoded(self, body: Body) -> LinkHello | Reply | Failure | WorkerDown:
        try:
            message: LinkHello | Reply | Failure | WorkerDown = _decode(body)
        except Exception as error:  # noqa: BLE001  # whatever the value of an answer is
            return _unreadable(body, error)
        return message


def _unreadable(body: Body, error: Exception) -> Failure:
    """Return a failure for an answer whose value cannot be read here: that call alone fails.

    Raises:
        ProtocolError: It is no answer.
    """
    head = head_of(body, _NUMBERED, {})
    if head is None:
        raise ProtocolError(f"not a message of a worker: {error}") from None
    return Failure(head.number, "NotSendable", [f"the reply: {unreadable(error)}"])


def error_of(name: str, arguments: list[Any]) -> OtpyError:
    """Build the exception that the other end named; never anything but an `OtpyError`."""
    error = _error_of(name, arguments)
    error.remote = True
    return error


def _error_of(name: str, arguments: list[Any]) -> OtpyError:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, OtpyError):
        try:
            return kind(*arguments)
        except TypeError:
            pass  # another version's arguments: say what there is to say
    return OtpyError(": ".join([name, *map(str, arguments)]))


def value_of(answer: LinkAnswer) -> Any:
    """Return the server's reply, or raise the error that it answered."""
    if isinstance(answer, Reply):
        return answer.value
    raise error_of(answer.error, answer.arguments)
