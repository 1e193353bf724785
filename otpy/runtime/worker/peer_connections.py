"""The worker's end of links to other workers of its tree, which send any value."""

import struct
from collections.abc import Callable
from typing import Any, Final

from otpy.errors import ProtocolError
from otpy.links.shm_transport import ShmTransport
from otpy.runtime.worker.connections import Cast, IncomingLink, Info, LinkCall, OnceCall, Queue
from otpy.server.context import current
from otpy.system.descriptor import Descriptor
from otpy.system.std_streams import complain
from otpy.wire import link as wire_link
from otpy.wire import peer
from otpy.wire.control import Address
from otpy.wire.frames import HEADER, Content, Frame, join
from otpy.wire.shm_ring import ShmBody, ShmOffer


class PeerLink(IncomingLink):
    """The worker's end of the pipes to another worker of its tree, which sends any value.

    Args:
        read: As an `IncomingLink`'s.
        write: As an `IncomingLink`'s.
        blocked: As an `IncomingLink`'s.
        peer: The worker at the other end.
    """

    def __init__(
        self,
        read: Descriptor,
        write: Descriptor,
        blocked: Callable[[IncomingLink, bool], None],
        peer: Address,
    ) -> None:
        self._shm = ShmTransport()
        super().__init__(read, write, blocked, self._shm)
        self.peer = peer
        self._framed = _peer_framed

    def kept_form(self, answer: tuple[int, object]) -> bytes:
        """Return the form in which an answer is kept; raises as `send`."""
        return join(peer.peer_frame(peer.REPLY, 0, answer))[HEADER.size :]

    def of_kept_form(self, data: bytes) -> tuple[int, Any]:
        """Return the answer that is kept so; one that cannot be read is an error."""
        _, _, answer = peer.peer_message(data)
        if type(answer) is peer.Unreadable:
            return wire_link.ERROR, ("NotSendable", [f"the reply: {answer.error}"])
        kind, value = answer
        return kind, value

    def close(self) -> None:
        """Close both pipes, and let go of the memory for what is large."""
        super().close()
        self._shm = ShmTransport()

    def _take(self, body: Content, ready: Queue) -> None:
        try:
            kind, number, value = peer.peer_message(body)
        except struct.error as error:
            raise ProtocolError(f"not a message of a worker: {error}") from None
        if type(value) is peer.Unreadable:
            # The sender's value, or its class, is at fault: this process goes on.
            if kind in (peer.CALL, peer.CALL_ONCE):
                LinkCall(number, None, self).refuse(value.error)
            else:
                complain(f"NotSendable: {value.error}\n")
        elif kind == peer.CALL:
            ready.append(LinkCall(number, value, self))
        elif kind == peer.CAST:
            ready.append(Cast(value))
        else:
            self._take_rarer(kind, number, value, ready)

    def _take_rarer(self, kind: int, number: int, value: Any, ready: Queue) -> None:
        match kind:
            case peer.CALL_ONCE:
                request, session, serial = value
                call = OnceCall(number, request, self, None, session, serial)
                self._take_once(call, ready)
            case peer.SHM_BODY:
                self._read_shm(self._shm, ShmBody(*value), ready)
            case peer.INFO:
                ready.append(Info(value))
            case peer.REPLY_FOR:
                link, answer = value
                current().mailbox.reply(link, *peer.peer_message(answer)[1:])
            case peer.SHM_OFFER:
                self._shm.accept_offer(ShmOffer(*value))
            case _:
                raise ProtocolError(f"not a message of a worker: kind {kind}")

    def _read_shm(self, shm: ShmTransport, span: ShmBody, ready: Queue) -> None:
        with shm.body(span, self._announce_space) as body:
            self._take(body, ready)

    def _announce_space(self) -> None:
        self.outgoing.send(_ROOM)


def _peer_framed(message: tuple[Any, ...]) -> Frame:
    kind = message[0]
    if kind == wire_link.REPLY:
        return peer.peer_frame(peer.REPLY, message[1], message[2])
    if kind == wire_link.ERROR:
        return peer.peer_frame(peer.ERROR, message[1], message[2:])
    return peer.peer_frame(_PEER_KINDS[kind], 0, message[1:])


_ROOM: Final = join(peer.peer_frame(peer.ROOM, 0, ()))

_PEER_KINDS: Final = {wire_link.HELLO: peer.HELLO, wire_link.DOWN: peer.DOWN}
