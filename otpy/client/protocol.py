"""The protocol between client and gateway, the client's end: bytes in, values out; no I/O."""

import itertools
from collections import deque
from typing import Any, Final

import msgspec

from otpy.errors import ProtocolError
from otpy.system.descriptor import Descriptor
from otpy.wire import gateway
from otpy.wire.codec import pack, pack_value
from otpy.wire.frames import FrameDecoder, frame
from otpy.wire.values import SCALARS, revived


class GatewayAnswer(msgspec.Struct, array_like=True, frozen=True):
    """One frame of the gateway's; by `status`, `value` is a value or an error's name."""

    number: int
    status: int
    value: Any = None
    arguments: list[Any] = []


_are_scalars: Final = SCALARS.issuperset
_gateway_decoder: Final = msgspec.msgpack.Decoder(GatewayAnswer, ext_hook=revived)

_DESCRIPTORS: Final = {"connect": 3, "start_task": 3, "shutdown": 1, "trace": 1}
"""The number of descriptors that come with the OK of an operation."""


class GatewayProtocol:
    """The client's end of a connection to the gateway."""

    def __init__(self) -> None:
        self._frames = FrameDecoder()
        self._numbers = itertools.count(1)
        self._fds: deque[Descriptor] = deque()
        self._expected: dict[int, int] = {}

    def request(self, operation: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
        """Return a request's number and its bytes.

        Raises:
            NotSendable: MessagePack cannot carry an argument.
            FrameTooLarge: It is more than a gateway reads.
        """
        number = next(self._numbers)
        message = [number, operation, arguments]
        # Most arguments are plain, and their names always are.
        plain = _are_scalars(map(type, arguments.values()))
        body = pack(message) if plain else pack_value(message)
        data = frame(body, gateway.request_limit(operation))
        if operation in _DESCRIPTORS:
            self._expected[number] = _DESCRIPTORS[operation]
        return number, data

    def forgetting(self, operation: str, number: int) -> tuple[int, bytes] | None:
        """Return a message that no answer to a request is waited for; None if one comes anyway.

        With descriptors an answer always comes, and has to be taken.
        """
        return None if operation in _DESCRIPTORS else self.request("forget", {"number": number})

    def receive(
        self, data: bytes, fds: tuple[Descriptor, ...] = ()
    ) -> list[tuple[GatewayAnswer, tuple[Descriptor, ...]]]:
        """Read bytes and descriptors; return whole answers, each with its own.

        An answer that is not waited for any more has its descriptors, too: close them.

        Raises:
            ProtocolError: They are not what a gateway says. Nothing after them can be read.
        """
        self._fds.extend(fds)
        answers: list[tuple[GatewayAnswer, tuple[Descriptor, ...]]] = []
        for body in self._frames.feed(data):
            try:
                answer = _gateway_decoder.decode(body)
            except (ValueError, RecursionError) as error:
                raise ProtocolError(f"not a message of a gateway: {error}") from None
            answers.append((answer, self._take_fds(answer)))
        return answers

    def _take_fds(self, answer: GatewayAnswer) -> tuple[Descriptor, ...]:
        if answer.status == gateway.EVENT:
            return ()
        count = self._expected.pop(answer.number, 0)
        if answer.status != gateway.OK:
            return ()
        if len(self._fds) < count:
            raise ProtocolError(f"an answer came with {len(self._fds)} descriptors, not {count}")
        return tuple([self._fds.popleft() for _ in range(count)])

    def take_unread_fds(self) -> tuple[Descriptor, ...]:
        """Hand over the descriptors of answers that never came whole, to be closed."""
        unread = tuple(self._fds)
        self._fds.clear()
        return unread
