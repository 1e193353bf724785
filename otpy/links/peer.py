"""The protocol of a link between two workers, the caller's end."""

import struct
from typing import Final

from otpy.errors import ProtocolError
from otpy.links.once import Once
from otpy.links.protocol import (
    ROOM,
    Beside,
    Failure,
    LinkAnswer,
    LinkHello,
    LinkProtocol,
    Message,
    Reply,
    WorkerDown,
)
from otpy.links.shm_transport import ShmTransport
from otpy.wire import peer
from otpy.wire.frames import Content, Frame, LargeFrame, join
from otpy.wire.shm_ring import ShmBody, ShmOffer

_message: Final = peer.peer_message
_REPLY: Final = peer.REPLY


class PeerProtocol(LinkProtocol):
    """The calling worker's end of a link: any value that pickle carries passes.

    What is large passes by memory that both ends share.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shm = ShmTransport()

    def call(self, number: int, request: object) -> Frame:
        """Return the bytes of a call.

        Raises:
            NotSendable: Pickle cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        if type(request) is Once:
            return peer.peer_frame(peer.CALL_ONCE, number, tuple(request), self.max_frame)
        return peer.peer_frame(peer.CALL, number, request, self.max_frame)

    def cast(self, request: object) -> Frame:
        """Return the bytes of a cast; raises as `call` does."""
        return peer.peer_frame(peer.CAST, 0, request, self.max_frame)

    def casts(self, requests: list[object]) -> bytes:
        """Return the bytes of several casts; raises as `call` does."""
        return b"".join(join(self.cast(request)) for request in requests)

    def info(self, message: object) -> Frame:
        """Return the bytes of a message for `handle_info`; raises as `call` does."""
        return peer.peer_frame(peer.INFO, 0, message, self.max_frame)

    def write(self, data: LargeFrame) -> Frame | None:
        """Write a large message where the worker reads it."""
        return self._shm.write(data)

    def commit(self) -> None:
        """Note that the frame was sent that announces what was written."""
        self._shm.commit()

    def rollback(self) -> None:
        """Undo `write`: its frame was not sent, and will not be."""
        self._shm.rollback()

    def request_space(self, data: LargeFrame) -> bool:
        """Ask the worker to report when there is room for a message."""
        return self._shm.request_space(data)

    def close(self) -> None:
        """Release the memory; what was written may still be rolled back."""
        self._shm = ShmTransport()

    def _beside(self, message: Beside) -> list[LinkAnswer]:
        shm = self._shm
        if isinstance(message, ShmOffer):
            shm.accept_offer(message)
            return []
        with shm.body(message, _nobody_waits) as body:
            answer = self._decoded(body)
        return self._noted(answer)

    def _decoded(self, body: Content) -> Message:
        try:
            kind, number, value = _message(body)
            if type(value) is peer.Unreadable:
                return Failure(number, "NotSendable", [f"the reply: {value.error}"])
            return Reply(number, value) if kind == _REPLY else _rarer(kind, number, value)
        except (struct.error, TypeError, ValueError, AssertionError) as error:
            raise ProtocolError(f"not a message of a worker: {error}") from None


def _nobody_waits() -> None:
    """A server never waits for room: then its answer goes by the pipe."""


def _rarer(kind: int, number: int, value: object) -> Message:
    assert isinstance(value, tuple)
    match kind:
        case peer.ERROR:
            return Failure(number, value[0], list(value[1]))
        case peer.DOWN:
            return WorkerDown(*value)
        case peer.HELLO:
            return LinkHello(*value)
        case peer.SHM_BODY:
            return ShmBody(*value)
        case peer.SHM_OFFER:
            return ShmOffer(*value)
        case peer.ROOM:
            return Reply(ROOM, None)
        case _:
            raise ValueError(f"kind {kind}")
