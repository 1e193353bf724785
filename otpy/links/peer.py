"""What is said on a link between two workers, by the end that calls."""

import struct
from typing import Final

from otpy.errors import ProtocolError
from otpy.links.protocol import (
    ROOM,
    Beside,
    Down,
    Failure,
    Greeting,
    LinkAnswer,
    LinkProtocol,
    Message,
    Reply,
)
from otpy.links.shm_transport import Shelves
from otpy.wire import peer
from otpy.wire.frames import Content, Frame, LargeFrame, whole
from otpy.wire.shm_ring import Laid, Offer

_message: Final = peer.peer_message
_REPLY: Final = peer.REPLY


class PeerProtocol(LinkProtocol):
    """The calling worker's end of a link: any value that pickle carries passes.

    What is large passes by memory that both ends share.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shelves = Shelves()

    def call(self, number: int, request: object) -> Frame:
        """Return the bytes of a call.

        Raises:
            NotSendable: Pickle cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        return peer.peer_frame(peer.CALL, number, request, self.max_frame)

    def cast(self, request: object) -> Frame:
        """Return the bytes of a cast; raises as `call` does."""
        return peer.peer_frame(peer.CAST, 0, request, self.max_frame)

    def casts(self, requests: list[object]) -> bytes:
        """Return the bytes of several casts; raises as `call` does."""
        return b"".join(whole(self.cast(request)) for request in requests)

    def info(self, message: object) -> Frame:
        """Return the bytes of a message for `handle_info`; raises as `call` does."""
        return peer.peer_frame(peer.INFO, 0, message, self.max_frame)

    def lay(self, data: LargeFrame) -> Frame | None:
        """Lay a large message where the worker reads it."""
        return self._shelves.lay(data)

    def told(self) -> None:
        """Take note that the worker was told of what was laid."""
        self._shelves.told()

    def take_back(self) -> None:
        """Take note that it was not, and will not be."""
        self._shelves.take_back()

    def expect_room(self, data: LargeFrame) -> bool:
        """Have the worker tell when there is room for a message."""
        return self._shelves.expect_room(data)

    def close(self) -> None:
        """Let go of the memory; what was laid may still be taken back."""
        self._shelves = Shelves()

    def _beside(self, message: Beside) -> list[LinkAnswer]:
        shelves = self._shelves
        if isinstance(message, Offer):
            shelves.find(message)
            return []
        body = shelves.body(message)
        try:
            laid = self._decoded(body)
        finally:
            shelves.free(message)
        return self._noted(laid)

    def _decoded(self, body: Content) -> Message:
        try:
            kind, number, value = _message(body)
            if type(value) is peer.Unreadable:
                return Failure(number, "NotSendable", [f"the reply: {value.error}"])
            return Reply(number, value) if kind == _REPLY else _rarer(kind, number, value)
        except (struct.error, TypeError, ValueError, AssertionError) as error:
            raise ProtocolError(f"not a message of a worker: {error}") from None


def _rarer(kind: int, number: int, value: object) -> Message:
    assert isinstance(value, tuple)
    match kind:
        case peer.ERROR:
            return Failure(number, value[0], list(value[1]))
        case peer.DOWN:
            return Down(*value)
        case peer.GREETING:
            return Greeting(*value)
        case peer.LAID:
            return Laid(*value)
        case peer.OFFER:
            return Offer(*value)
        case peer.ROOM:
            return Reply(ROOM, None)
        case _:
            raise ValueError(f"kind {kind}")
