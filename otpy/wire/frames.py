"""The one frame format everywhere: a 4-byte big-endian length, then the body."""

import struct
from typing import Final

from otpy.errors import FrameTooLarge

MAX_FRAME: Final = 64 << 20
"""Bytes that a body may have unless told otherwise."""

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


class FrameDecoder:
    """Turns received bytes into whole bodies; reads no socket.

    Attributes:
        max_frame: Bytes that a body may have.
        partial: Whether the bytes received so far end in the middle of a frame.
    """

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._wanted = _SIZE
        self.max_frame = max_frame
        self.partial = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes; return the bodies that are complete now, in order.

        Raises:
            FrameTooLarge: A header announces more than `max_frame` bytes. Nothing after it
                can be read: the connection has to be closed.
        """
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
        bodies: list[bytes] = []
        start, wanted = 0, _SIZE
        while start + wanted <= received:
            (size,) = _unpack_from(data, start)
            if size > self.max_frame:
                raise FrameTooLarge(size, self.max_frame)
            end = start + _SIZE + size
            if end > received:
                wanted = _SIZE + size
                break
            bodies.append(data[start + _SIZE : end])
            start = end
        self._buffer += data[start:]
        self._wanted = wanted
        self.partial = start != received
        return bodies
