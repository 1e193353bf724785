"""What is said on a link between two workers, by the end that calls."""

import struct
from typing import Final

from otpy.errors import ProtocolError
from otpy.links.protocol import Down, Failure, Greeting, LinkProtocol, Reply
from otpy.wire import peer
from otpy.wire.frames import Body, Frame, whole

_message: Final = peer.peer_message
_REPLY: Final = peer.REPLY


class PeerProtocol(LinkProtocol):
    """The calling worker's end of a link: any value that pickle carries passes."""

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

    def _decoded(self, body: Body) -> Greeting | Reply | Failure | Down:
        try:
            kind, number, value = _message(body)
            if type(value) is peer.Unreadable:
                return Failure(number, "NotSendable", [f"the reply: {value.error}"])
            return Reply(number, value) if kind == _REPLY else _rarer(kind, number, value)
        except (struct.error, TypeError, ValueError, AssertionError) as error:
            raise ProtocolError(f"not a message of a worker: {error}") from None


def _rarer(kind: int, number: int, value: object) -> Greeting | Failure | Down:
    assert isinstance(value, tuple)
    match kind:
        case peer.ERROR:
            return Failure(number, value[0], list(value[1]))
        case peer.DOWN:
            return Down(*value)
        case peer.GREETING:
            return Greeting(*value)
        case _:
            raise ValueError(f"kind {kind}")
