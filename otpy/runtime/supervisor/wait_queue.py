"""Messages that wait at a supervisor until one of its children is up."""

from dataclasses import dataclass
from typing import Final

from otpy.system.descriptor import Descriptor, close_all
from otpy.system.message_socket import Sender
from otpy.wire.control import Ask, OpenLink

_MOST: Final = 4096


@dataclass(frozen=True, slots=True)
class ParkedRequest:
    """A message, with the descriptors beside it."""

    origin: Sender
    message: OpenLink | Ask
    fds: tuple[Descriptor, ...]


class WaitQueue:
    """Holds messages, in order."""

    def __init__(self) -> None:
        self._parked: dict[tuple[Sender, int], ParkedRequest] = {}

    def __bool__(self) -> bool:
        return bool(self._parked)

    def park(self, origin: Sender, message: OpenLink | Ask, fds: tuple[Descriptor, ...]) -> bool:
        """Queue a message; return False if too many wait already."""
        if len(self._parked) >= _MOST:
            return False
        self._parked[origin, message.token] = ParkedRequest(origin, message, fds)
        return True

    def unpark_all(self) -> list[ParkedRequest]:
        """Hand out everything."""
        parked, self._parked = self._parked, {}
        return list(parked.values())

    def withdraw(self, origin: Sender, token: int) -> bool:
        """Drop a message whose sender waits no more; return False if it is not here."""
        parked = self._parked.pop((origin, token), None)
        if parked is not None:
            close_all(parked.fds)
        return parked is not None

    def tokens_from(self, origin: Sender) -> list[int]:
        """Return the tokens of the messages from there that are worth nothing without it."""
        left = (
            parked for parked in self._parked.values() if parked.origin is origin and parked.fds
        )
        return [parked.message.token for parked in left]
