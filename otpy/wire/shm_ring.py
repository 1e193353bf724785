"""The positions of large bodies in memory that two processes share; it has no memory itself.

The memory is a ring. A position counts the bytes from the first body on that was written there; it
only grows, and its remainder by the capacity is where it is in the ring. A body lies in one
piece, and what is read is read in the order in which it was written there: so one position that the
reader tells, up to which it has read everything, says all that the writer has to know.
"""

from typing import Final, NamedTuple

_PAGE: Final = 4096
"""Bodies begin where pages do, so that each page is one body's and can be given back with it."""

_AT_ONCE: Final = 3
"""So many bodies of a size lie in the ring, enough for two ends that are equally fast."""

_LEAST: Final = 8
"""The part of what is usually used that is used in any case: an eighth."""


class ShmOffer(NamedTuple):
    """Memory that large bodies will lie in: descriptor `fd` of process `pid`, and what it is."""

    pid: int
    fd: int
    device: int
    inode: int


class ShmBody(NamedTuple):
    """The next body of the link lies in the memory, and is not in the pipe."""

    start: int
    size: int


def end_of(span: ShmBody) -> int:
    """Return the position behind a body."""
    return span.start + -(-span.size // _PAGE) * _PAGE


class Ring:
    """The writer's view of its ring.

    Args:
        capacity: Bytes, a multiple of 4096.
        usual: So many of them are used, unless a single body has more.

    Attributes:
        head: The position behind what was written last.
    """

    __slots__ = ("_before", "_oldest", "_usual", "capacity", "head")

    def __init__(self, capacity: int, usual: int) -> None:
        self.capacity = capacity
        self._usual = usual
        self.head = 0
        self._oldest = 0
        self._before = (0, 0)

    def find(self, size: int, read: int) -> ShmBody | None:
        """Find a place for a body; None if there is no room yet.

        It is not taken by that: `take` it once the body lies there.

        Args:
            size: Bytes, at most `capacity`.
            read: The position up to which the reader has read everything.
        """
        span = ShmBody(self._start(size, read), size)
        oldest = span.start if read >= self.head else max(read, self._oldest)
        return span if end_of(span) - oldest <= self.capacity else None

    def take(self, span: ShmBody, read: int) -> None:
        """Note that a body was written at the position of `find`, with the same `read`."""
        self._before = (self.head, self._oldest)
        if read >= self.head:
            self._oldest = span.start
        self.head = end_of(span)

    def rollback(self) -> None:
        """Forget the body that was written last: it will not be announced."""
        self.head, self._oldest = self._before

    def awaited(self, size: int, read: int) -> int:
        """Return how far the reader has to be before there is room for a body.

        Rather farther than at once: to be woken up once is worth several bodies.
        """
        needed = end_of(ShmBody(self._start(size, read), size)) - self.capacity
        return min(self.head, max(needed, self.head - self._turn(size) // 2))

    def _start(self, size: int, read: int) -> int:
        behind = self.head % self.capacity
        # Not farther than there is use for, and at the beginning again when the ring is empty:
        # memory that was used is there already, and may still be in the processor's cache.
        if behind and (read >= self.head or behind + size > self._turn(size)):
            return self.head + self.capacity - behind
        return self.head

    def _turn(self, size: int) -> int:
        """Return after how many bytes of the ring bodies of such a size begin anew."""
        span = -(-size // _PAGE) * _PAGE
        return max(span, min(self._usual, max(_AT_ONCE * span, self._usual // _LEAST)))
