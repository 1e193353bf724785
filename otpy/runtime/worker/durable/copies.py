"""Copies of what is sent later: a handler may change it, as soon as it has sent it."""

from typing import Any, Final

from otpy.links.peer import PeerProtocol
from otpy.wire.frames import HEADER, join
from otpy.wire.peer import Unreadable, peer_message

_UNCHANGING: Final = frozenset({int, str, bytes, float, bool, type(None)})


def copied(message: Any) -> Any:
    """Return a message as its receiver would get it now.

    Raises:
        NotSendable: Pickle cannot carry it, or read it again.
        FrameTooLarge: It is over `max_frame`.
    """
    if type(message) in _UNCHANGING:
        return message
    if type(message) is tuple and all(type(part) in _UNCHANGING for part in message):
        return message
    _, _, copy = peer_message(join(PeerProtocol().cast(message))[HEADER.size :])
    if type(copy) is Unreadable:
        raise copy.error
    return copy
