"""Messages that wait at a supervisor until one of its children is up."""

from dataclasses import dataclass
from typing import Final

from otpy.system.descriptor import Descriptor, close_all
from otpy.system.message_socket import MessageSocket
from otpy.wire.control import Ask, Introduce

_MOST: Final = 4096


@dataclass(frozen=True, slots=True)
class Held:
    """A message, with the descriptors beside it."""

    origin: MessageSocket
    message: Introduce | Ask
    fds: tuple[Descriptor, ...]


class WaitingRoom:
    """Holds messages, in order."""

    def __init__(self) -> None:
        self._held: dict[tuple[MessageSocket, int], Held] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def hold(
        self, origin: MessageSocket, message: Introduce | Ask, fds: tuple[Descriptor, ...]
    ) -> bool:
        """Take a message; False if too many wait, and it was not taken."""
        if len(self._held) >= _MOST:
            return False
        self._held[origin, message.token] = Held(origin, message, fds)
        return True

    def empty(self) -> list[Held]:
        """Hand out everything."""
        held, self._held = self._held, {}
        return list(held.values())

    def drop(self, origin: MessageSocket, token: int) -> bool:
        """Drop a message that nobody waits for any more; False if it is not here."""
        held = self._held.pop((origin, token), None)
        if held is not None:
            close_all(held.fds)
        return held is not None

    def left_by(self, origin: MessageSocket) -> list[int]:
        """Tell the tokens of the messages from there that are worth nothing without it."""
        left = (held for held in self._held.values() if held.origin is origin and held.fds)
        return [held.message.token for held in left]
