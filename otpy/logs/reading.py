"""Read log files in pieces of whole records, forward or from the end, in a bounded memory."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from otpy.logs.sources import Part
from otpy.wire.log_record import (
    LogRecord,
    continues,
    parse_json,
    parse_line,
    parse_text,
    stamp,
    to_json,
)

PIECE: Final = 1 << 20
"""Bytes that are read at once."""

_MOST: Final = 8
"""Pieces that may be one record; what is longer is no record, and is cut."""

_STAMP: Final = len("2026-11-27T23:44:03.123Z")
_JSON_TIME: Final = b'{"time":"'


class Entry(NamedTuple):
    """One record in a file.

    Attributes:
        key: Its time, as in the file: keys sort as the times do.
        lines: The whole of its lines.
    """

    key: bytes
    lines: bytes

    @property
    def record(self) -> LogRecord | None:
        """What it says; None if it is no record."""
        lines = self.lines
        return parse_json(lines) if lines.startswith(b"{") else parse_text(lines)


def key_of(at: float) -> bytes:
    """Return the key of an entry of that time."""
    return stamp(at).encode()


def forward(part: Part, piece: int = PIECE) -> Iterator[bytes]:
    """Yield what is in a file, up to the size that it had, whole records at a time."""
    start, kept = 0, b""
    while start < part.size:
        data = part.read(start, min(piece, part.size - start))
        if not data:
            break
        start += len(data)
        data = kept + data
        cut = _last_beginning(data)
        if not cut and len(data) > _MOST * piece:
            cut = len(data)
        if cut:
            yield data[:cut]
        kept = data[cut:]
    if kept:
        yield kept


def backward(part: Part, piece: int = PIECE) -> Iterator[bytes]:
    """Yield what `forward` does, from the end of the file on: the last records first."""
    end, kept = part.size, b""
    while end > 0:
        start = max(0, end - piece)
        data = part.read(start, end - start)
        if len(data) < end - start:
            break  # removed, or truncated
        end = start
        data += kept
        cut = _first_beginning(data) if start else 0
        if cut < len(data) or len(data) > _MOST * piece:
            yield data[cut:] if cut < len(data) else data
            kept = data[:cut] if cut < len(data) else b""
        else:
            kept = data
    if kept:
        yield kept


def entries(piece: bytes, key: bytes = b"") -> Iterator[Entry]:
    """Yield the records of a piece; what is no record has the time of the one before, or `key`."""
    lines = piece.split(b"\n")
    if not lines[-1]:
        lines.pop()
    held: list[bytes] = []
    for line in lines:
        if held and continues(line) and _same_head(held[0], line):
            held.append(line)
            continue
        if held:
            yield Entry(key, b"\n".join([*held, b""]))
        held, key = [line], _key_in(line) or key
    if held:
        yield Entry(key, b"\n".join([*held, b""]))


def entry_at(piece: bytes, place: int) -> tuple[bytes, int]:
    """Return the record of a piece that has `place` in it, and where it ends."""
    start = piece.rfind(b"\n", 0, place) + 1
    while start and continues(_line_at(piece, start)):
        start = piece.rfind(b"\n", 0, start - 1) + 1
    end = _end_of_line(piece, place)
    while end < len(piece) and continues(_line_at(piece, end)):
        end = _end_of_line(piece, end)
    return piece[start:end], end


def _key_in(line: bytes) -> bytes:
    """Return the time that a line begins with; nothing if it is no record."""
    if line.startswith(_JSON_TIME):
        key = line[len(_JSON_TIME) :][:_STAMP]
    elif line.startswith(b"{"):
        record = parse_json(line)
        key = b"" if record is None else to_json(record)[len(_JSON_TIME) :][:_STAMP]
    else:
        key = line[:_STAMP]
    return key if key[10:11] == b"T" and key[-1:] == b"Z" and len(key) == _STAMP else b""


def _same_head(first: bytes, line: bytes) -> bool:
    one, other = parse_line(first), parse_line(line)
    return one is not None and other is not None and one.head == other.head


def _line_at(data: bytes, start: int) -> bytes:
    end = data.find(b"\n", start)
    return data[start:] if end < 0 else data[start:end]


def _end_of_line(data: bytes, place: int) -> int:
    end = data.find(b"\n", place)
    return len(data) if end < 0 else end + 1


def _last_beginning(data: bytes) -> int:
    """Return where the last record begins that may go on behind `data`; 0 if it is the first."""
    start = data.rfind(b"\n") + 1
    while start:
        start = data.rfind(b"\n", 0, start - 1) + 1
        if not continues(_line_at(data, start)):
            break
    return start


def _first_beginning(data: bytes) -> int:
    """Return where the first record begins that has begun in `data`; its length if there is none.

    The first line is half of one perhaps, which begins before `data`.
    """
    start = _end_of_line(data, 0)
    while start < len(data) and continues(_line_at(data, start)):
        start = _end_of_line(data, start)
    return start
