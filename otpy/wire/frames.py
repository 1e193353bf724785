"""The one frame format everywhere: a 4-byte big-endian length, then the body."""

import struct
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from otpy.errors import FrameTooLarge
from otpy.system.allocator import raise_mmap_threshold

MAX_FRAME: Final = 64 << 20
"""Most bytes of a body by default."""

Body: TypeAlias = bytes | bytearray

Content: TypeAlias = Body | memoryview
"""A body, or one where it lies in memory that it is to be copied from."""

_LARGE: Final = 1 << 16
"""Bodies of more bytes are read into memory of their own, and not copied there."""

_LEAST_BUFFER: Final = 1 << 12
_AHEAD: Final = 3
"""The factor by which a buffer grows beyond the bytes that have arrived."""

HEADER: Final = struct.Struct(">I")
_SIZE: Final = HEADER.size
_pack: Final = HEADER.pack
_unpack_from: Final = HEADER.unpack_from


def frame(body: bytes, max_frame: int = MAX_FRAME) -> bytes:
    """Put the length before `body`.

    Raises:
        FrameTooLarge: The body has more than `max_frame` bytes.
    """
    if len(body) > max_frame:
        raise FrameTooLarge(len(body), max_frame)
    return _pack(len(body)) + body


class LargeFrame:
    """A frame in pieces: to join them would be to copy what is large among them.

    Attributes:
        pieces: The length of the body, and its pieces.
        body_size: That length.

    Raises:
        FrameTooLarge: The body has more than `max_frame` bytes.
    """

    __slots__ = ("_size", "body_size", "pieces")

    def __init__(self, body: Sequence[bytes | memoryview], max_frame: int = MAX_FRAME) -> None:
        size = sum(map(len, body))
        if size > max_frame:
            raise FrameTooLarge(size, max_frame)
        self.body_size = size
        self._size = _SIZE + size
        self.pieces = [_pack(size), *body]

    def __len__(self) -> int:
        return self._size

    def prefixed_with(self, frame: bytes) -> "LargeFrame":
        """Put a small frame before this one, to be written with it."""
        both = LargeFrame(self.pieces[1:], self.body_size)
        both.pieces.insert(0, frame)
        both._size += len(frame)
        return both


Frame: TypeAlias = bytes | LargeFrame


def join(data: Frame) -> bytes:
    """Join a frame's pieces."""
    return b"".join(data.pieces) if isinstance(data, LargeFrame) else data


def remaining(pieces: Sequence[bytes | memoryview], sent: int) -> Iterator[memoryview]:
    """Yield what follows the first `sent` bytes of a frame in pieces."""
    for piece in pieces:
        yield memoryview(piece)[sent:]
        sent = max(0, sent - len(piece))


class FrameDecoder:
    """Turns received bytes into whole bodies; reads no socket.

    Attributes:
        max_frame: Bytes that a body may have.
        partial: Whether the bytes received so far end in the middle of a frame.
        buffer: Where the rest of a large body may be read to, which `buffer_updated` takes note
            of; None without one.
    """

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._wanted = _SIZE
        self._large = bytearray()
        self._announced = 0
        self.buffer: memoryview | None = None
        self.max_frame = max_frame
        self.partial = False

    def buffer_updated(self, count: int) -> list[Body]:
        """Note that `count` bytes were read into `buffer`; return as `feed`."""
        assert self.buffer is not None
        self.buffer = self.buffer[count:]
        if self.buffer:
            return []
        if len(self._large) < self._announced:
            self._grow_buffer()
            return []
        body, self._large = self._large, bytearray()
        self.buffer, self.partial = None, False
        return [body]

    def feed(self, data: bytes) -> list[Body]:
        """Read more bytes; return the bodies that are complete now, in order.

        Raises:
            FrameTooLarge: A header announces more than `max_frame` bytes. Nothing after it
                can be read: the connection has to be closed.
        """
        if self.buffer is not None:
            count = min(len(data), len(self.buffer))
            self.buffer[:count] = data[:count]
            first = self.buffer_updated(count)
            return first + self.feed(data[count:]) if count < len(data) else first
        received = len(data)
        if self.partial:
            self._buffer += data
            received = len(self._buffer)
            if received < self._wanted:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        elif received >= _SIZE and _unpack_from(data)[0] == received - _SIZE <= self.max_frame:
            return [data[_SIZE:]]  # exactly one frame, as nearly always
        bodies: list[Body] = []
        start, wanted = 0, _SIZE
        while start + wanted <= received:
            (size,) = _unpack_from(data, start)
            if size > self.max_frame:
                raise FrameTooLarge(size, self.max_frame)
            end = start + _SIZE + size
            if end > received:
                if size > _LARGE:
                    self._expect(size, data[start + _SIZE :])
                    return bodies
                wanted = _SIZE + size
                break
            bodies.append(data[start + _SIZE : end])
            start = end
        self._buffer += data[start:]
        self._wanted = wanted
        self.partial = start != received
        return bodies

    def _expect(self, size: int, beginning: bytes) -> None:
        """Allocate a buffer for a large body, whose beginning has arrived."""
        self._announced, self._large = size, bytearray(beginning)
        self.partial = True
        self._grow_buffer()

    def _grow_buffer(self) -> None:
        """Grow the buffer to several times the bytes that have arrived, up to the announced size.

        So memory follows the bytes that arrived: one that only announces a body gets none for it.
        """
        come = len(self._large)
        size = min(self._announced, come + max(_LEAST_BUFFER, _AHEAD * come))
        if size == self._announced:
            raise_mmap_threshold(size)
        grown = bytearray(size)  # a new one: the reader may still hold the room in the old one
        grown[:come] = self._large
        self._large = grown
        self.buffer = memoryview(grown)[come:]
