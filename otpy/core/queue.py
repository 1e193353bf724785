"""A queue that is never changed: to add to its end, or to leave out its head, makes another."""

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")

_Cells: TypeAlias = "tuple[Any, _Cells] | None"
"""A linked list: its head, and the rest of it."""


class Queue(Generic[T]):
    """Items, oldest first, in two linked lists: the front, and what came later, latest first.

    Both operations take the same time however many items there are, on average.

    Args:
        items: The first items.
    """

    __slots__ = ("_back", "_front", "_size")

    def __init__(self, items: Iterable[T] = ()) -> None:
        listed = [*items]
        self._front: _Cells = _linked(reversed(listed))
        self._back: _Cells = None
        self._size = len(listed)

    def with_(self, item: T) -> "Queue[T]":
        """Return the queue with one more item at its end."""
        return self._of(self._front, (item, self._back), self._size + 1)

    @property
    def head(self) -> T:
        """The oldest item; there has to be one."""
        front = self._front or _linked(_items(self._back))
        assert front is not None
        head: T = front[0]
        return head

    @property
    def rest(self) -> "Queue[T]":
        """The queue without its head; without items, the queue itself."""
        front, back = self._front, self._back
        if front is None:
            front, back = _linked(_items(back)), None
        if front is None:
            return self
        return self._of(front[1], back, self._size - 1)

    @classmethod
    def _of(cls, front: _Cells, back: _Cells, size: int) -> "Queue[T]":
        queue = cls()
        queue._front, queue._back, queue._size = front, back, size  # its own
        return queue

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        yield from _items(self._front)
        yield from reversed([*_items(self._back)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Queue) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Queue({list(self)!r})"


def _linked(backwards: Iterable[object]) -> _Cells:
    """Link items, given last to first."""
    cells: _Cells = None
    for item in backwards:
        cells = (item, cells)
    return cells


def _items(cells: _Cells) -> Iterator[Any]:
    while cells is not None:
        item, cells = cells
        yield item
