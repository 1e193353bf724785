"""The latest exit reasons, bounded in number and bytes."""

from collections import OrderedDict
from typing import Final

from otpy.wire.control import Address, ExitInfo

MAX_EXITS: Final = 1024
MAX_CHARS: Final = 1 << 20
"""Of reasons and tracebacks together: a character has up to 4 bytes."""


class RecentExits:
    """The exit reason and traceback of each incarnation that ended, the latest of them."""

    def __init__(self) -> None:
        self._exits: OrderedDict[Address, ExitInfo] = OrderedDict()
        self._chars = 0

    def add(self, address: Address, how: ExitInfo) -> None:
        """Note how an incarnation ended; the oldest are forgotten if there is no room."""
        self.forget(address)
        self._exits[address] = how
        self._chars += _size(how)
        while len(self._exits) > 1 and (len(self._exits) > MAX_EXITS or self._chars > MAX_CHARS):
            self.forget(next(iter(self._exits)))

    def get(self, address: Address) -> ExitInfo | None:
        """Return how an incarnation ended; None if that is not known, or not any more."""
        return self._exits.get(address)

    def forget(self, address: Address) -> None:
        """Forget how an incarnation ended."""
        if (how := self._exits.pop(address, None)) is not None:
            self._chars -= _size(how)


def _size(how: ExitInfo) -> int:
    return len(how.reason) + len(how.traceback)
