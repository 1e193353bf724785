"""When what may be killed: what is to be measured has to live for long."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

MEASURED: Final = ("node", "gateway", "root")
"""Whose memory and descriptors are measured."""

FIRST_KILLS: Final = 1000
"""How many kills it takes until everything that is bounded has come to its bound."""

_ENOUGH: Final = 4 * FIRST_KILLS
_FROM: Final = 0.2
_TO: Final = 0.8


@dataclass(frozen=True, slots=True)
class Phases:
    """In the middle of a long run those that are measured are spared, and grow if they leak.

    Attributes:
        kills: How many there are in all.
    """

    kills: int

    def spares_node(self, kill: int) -> bool:
        """Return whether node, gateway and root are spared from the kill of this number on."""
        return self.kills >= _ENOUGH and _FROM * self.kills <= kill < _TO * self.kills

    def spared(self, kill: int) -> AbstractSet[str]:
        """Return the titles of those that are spared, below the node."""
        return frozenset(MEASURED) if self.spares_node(kill) else frozenset()
