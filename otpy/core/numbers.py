"""The incarnation numbers of what is gone: few are remembered, and none is given twice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MOST: Final = 1000
"""So many names are remembered: a tree's children may come and go under any number of them."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The last numbers of children that are gone, by id or path.

    A caller may still hold the number of one of them, so that the next child of the name has to
    begin above it. Of a name that is not remembered any more only a bound is known.

    Attributes:
        last: Of those that went last, the first to go first.
        floor: No other that ever was had a higher one.
    """

    last: Mapping[str, int] = field(default_factory=dict)
    floor: int = 0

    def of(self, name: str) -> int:
        """Return the highest number that a child of this name can have had."""
        return self.last.get(name, self.floor)

    def with_gone(self, gone: Mapping[str, int]) -> "Numbers":
        """Remember these, too, and forget the oldest if they are too many."""
        last = {name: number for name, number in self.last.items() if name not in gone}
        last.update(gone)
        over = len(last) - MOST
        forgotten = [last.pop(name) for name in tuple(last)[: max(0, over)]]
        return Numbers(last, max(self.floor, *forgotten) if forgotten else self.floor)

    def below(self, prefix: str) -> "Numbers":
        """Return those whose name begins with `prefix`, without it."""
        size = len(prefix)
        last = {name[size:]: n for name, n in self.last.items() if name.startswith(prefix)}
        return Numbers(last, self.floor)
