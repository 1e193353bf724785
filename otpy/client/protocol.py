"""The client's half of both protocols: bytes in, values out; no I/O, no clock, no thread.

`LinkProtocol` talks to a worker (`otpy.wire.link`), `GatewayProtocol` to the gateway
(`otpy.wire.gateway`). Whoever owns the descriptors feeds them what was read, and writes what
they return.
"""

import itertools
from collections import deque
from typing import Any, Final, TypeAlias

import msgspec

from otpy import errors
from otpy.errors import NotSendable, OtpyError, ProtocolError
from otpy.wire import gateway, link
from otpy.wire.frames import MAX_FRAME, FrameDecoder, frame
from otpy.wire.packing import pack


class Greeting(msgspec.Struct, array_like=True, tag=link.GREETING, frozen=True):
    """The worker's first word."""

    version: int
    incarnation: int
    max_frame: int


class Reply(msgspec.Struct, array_like=True, tag=link.REPLY, frozen=True):
    """What the server returned for call `number`."""

    number: int
    value: Any


class Failure(msgspec.Struct, array_like=True, tag=link.ERROR, frozen=True):
    """Call `number` ends with an error of `otpy.errors`; the server goes on."""

    number: int
    error: str
    arguments: list[Any]


class Down(msgspec.Struct, array_like=True, tag=link.DOWN, frozen=True):
    """The worker's last word: why it ends."""

    reason: str
    traceback: str = ""


LinkAnswer: TypeAlias = Reply | Failure

_link_decoder: Final = msgspec.msgpack.Decoder(Greeting | Reply | Failure | Down)


class LinkProtocol:
    """The client's end of a link.

    Attributes:
        greeting: What the worker greeted with; None until it has.
        down: Why the worker ends, once it has said so.
        max_frame: Bytes that a request may have; the worker's own limit once it has greeted.
    """

    def __init__(self) -> None:
        self.greeting: Greeting | None = None
        self.down: Down | None = None
        self.max_frame = MAX_FRAME
        self._frames = FrameDecoder()
        self._numbers = itertools.count(1)

    def next_number(self) -> int:
        """Return a number that no other request of this link has."""
        return next(self._numbers)

    def call(self, number: int, request: object) -> bytes:
        """Return the bytes of a call.

        Raises:
            NotSendable: MessagePack cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        try:
            return frame(pack((link.CALL, number, request)), self.max_frame)
        except NotSendable:
            pack(request)  # alone, so that the error names its type and not the envelope's
            raise

    def cast(self, request: object) -> bytes:
        """Return the bytes of a cast; raises as `call` does."""
        try:
            return frame(pack((link.CAST, request)), self.max_frame)
        except NotSendable:
            pack(request)
            raise

    def receive(self, data: bytes) -> list[LinkAnswer]:
        """Take bytes that the worker sent; return the answers to calls among them.

        Raises:
            ProtocolError: They are not what a worker says. Nothing after them can be read.
        """
        answers: list[LinkAnswer] = []
        for body in self._frames.feed(data):
            try:
                message = _link_decoder.decode(body)
            except (ValueError, RecursionError) as error:
                raise ProtocolError(f"not a message of a worker: {error}") from None
            if isinstance(message, (Reply, Failure)):
                answers.append(message)
            elif isinstance(message, Down):
                self.down = message
            else:
                self._greeted(message)
        return answers

    def _greeted(self, greeting: Greeting) -> None:
        if greeting.version != link.VERSION:
            raise ProtocolError(
                f"the worker speaks version {greeting.version} of the link protocol, "
                f"this client version {link.VERSION}; both need the same otpy"
            )
        self.greeting = greeting
        self.max_frame = greeting.max_frame
        self._frames.max_frame = max(MAX_FRAME, greeting.max_frame)


class GatewayAnswer(msgspec.Struct, array_like=True, frozen=True):
    """One frame of the gateway's: `status` says whether `value` is a value or an error's name."""

    number: int
    status: int
    value: Any = None
    arguments: list[Any] = []


_gateway_decoder: Final = msgspec.msgpack.Decoder(GatewayAnswer)

_DESCRIPTORS: Final = {"connect": 3, "shutdown": 1}
"""How many descriptors come with the OK of an operation."""


class GatewayProtocol:
    """The client's end of a connection to the gateway."""

    def __init__(self) -> None:
        self._frames = FrameDecoder()
        self._numbers = itertools.count(1)
        self._fds: deque[int] = deque()
        self._expected: dict[int, int] = {}

    def request(self, operation: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
        """Return a request's number and its bytes.

        Raises:
            NotSendable: MessagePack cannot carry an argument.
            FrameTooLarge: It is more than a gateway reads.
        """
        number = next(self._numbers)
        data = frame(pack((number, operation, arguments)), gateway.MAX_REQUEST)
        if operation in _DESCRIPTORS:
            self._expected[number] = _DESCRIPTORS[operation]
        return number, data

    def receive(
        self, data: bytes, fds: tuple[int, ...] = ()
    ) -> list[tuple[GatewayAnswer, tuple[int, ...]]]:
        """Take bytes and descriptors that arrived; return whole answers, each with its own.

        An answer that nobody waits for any more has its descriptors, too: close them.

        Raises:
            ProtocolError: They are not what a gateway says. Nothing after them can be read.
        """
        self._fds.extend(fds)
        answers: list[tuple[GatewayAnswer, tuple[int, ...]]] = []
        for body in self._frames.feed(data):
            try:
                answer = _gateway_decoder.decode(body)
            except (ValueError, RecursionError) as error:
                raise ProtocolError(f"not a message of a gateway: {error}") from None
            answers.append((answer, self._take_fds(answer)))
        return answers

    def _take_fds(self, answer: GatewayAnswer) -> tuple[int, ...]:
        if answer.status == gateway.EVENT:
            return ()
        count = self._expected.pop(answer.number, 0)
        if answer.status != gateway.OK:
            return ()
        if len(self._fds) < count:
            raise ProtocolError(f"an answer came with {len(self._fds)} descriptors, not {count}")
        return tuple(self._fds.popleft() for _ in range(count))

    def take_leftovers(self) -> tuple[int, ...]:
        """Hand over the descriptors of answers that never came whole, to be closed."""
        leftovers = tuple(self._fds)
        self._fds.clear()
        return leftovers


def error_of(name: str, arguments: list[Any]) -> OtpyError:
    """Build the exception that the other end named; never anything but an `OtpyError`."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, OtpyError):
        try:
            return kind(*arguments)
        except TypeError:
            pass  # another version's arguments: say what there is to say
    return OtpyError(": ".join([name, *map(str, arguments)]))
