"""A pipe without the kernel, which takes as little at once as a test wants."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from select import PIPE_BUF


@dataclass
class FakePipe:
    """A pipe as the kernel's: full at some point, and taking less than is offered.

    Attributes:
        capacity: How many bytes it holds.
        bite: How many bytes a large write takes at most.
    """

    capacity: int
    bite: int
    content: bytearray = field(default_factory=bytearray)
    taken: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def write(self, _fd: int, data: bytes) -> int:
        assert not self.closed, "written to a descriptor that was closed"
        assert len(data) <= PIPE_BUF
        if len(self.content) + len(data) > self.capacity:
            raise BlockingIOError
        self.content += data
        return len(data)

    def writev(self, fd: int, pieces: Iterable[bytes]) -> int:
        assert not self.closed, "written to a descriptor that was closed"
        data = b"".join(pieces)
        data = data[: min(self.bite, self.capacity - len(self.content))]
        if not data:
            raise BlockingIOError
        self.content += data
        return len(data)

    def read(self) -> None:
        """Do what the other end does: take everything."""
        self.taken += self.content
        self.content.clear()
