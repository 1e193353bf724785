"""The records of several files as one stream, in the order of their times."""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from otpy.logs.reading import PIECE, Entry, backward, forward
from otpy.logs.selection import Selection
from otpy.logs.sources import Part, Snapshot, Source

_IN_ALL: Final = 1 << 24
"""Bytes of pieces of all files that are in memory at a time."""

_LEAST: Final = 1 << 14


def past(snapshot: Snapshot, selection: Selection) -> Iterator[Entry]:
    """Yield the wanted records of all sources, oldest first."""
    piece = _piece(snapshot)
    streams = [_oldest_first(source, parts, selection, piece) for source, parts in snapshot]
    return heapq.merge(*streams, key=_key)


def last(snapshot: Snapshot, selection: Selection, count: int) -> list[Entry]:
    """Return the last of the wanted records, oldest first; older ones are not read."""
    piece = _piece(snapshot)
    streams = [latest_first(source, parts, selection, piece) for source, parts in snapshot]
    found = list(itertools.islice(heapq.merge(*streams, key=_key, reverse=True), count))
    return found[::-1]


def merged(several: Iterable[Iterable[Entry]]) -> Iterator[Entry]:
    """Merge records that are in order."""
    return heapq.merge(*several, key=_key)


def latest_first(
    source: Source, parts: Sequence[Part], selection: Selection, piece: int = PIECE
) -> Iterator[Entry]:
    """Yield the wanted records of a source from the last one on."""
    wanted = selection.filter_of(source)
    for part in reversed(parts):
        if _is_before(part, selection):
            continue
        for data in backward(part, piece):
            yield from reversed(list(wanted(data)))


def _oldest_first(
    source: Source, parts: Sequence[Part], selection: Selection, piece: int
) -> Iterator[Entry]:
    wanted = selection.filter_of(source)
    key = b""
    for part in parts:
        if _is_before(part, selection):
            continue
        for data in forward(part, piece):
            if selection.is_later(data):
                continue
            for entry in wanted(data):
                # A record's own time may be a little before that of the line that was read before.
                key = max(key, entry.key)
                yield Entry(key, entry.lines)


def _is_before(part: Part, selection: Selection) -> bool:
    """Return whether a file was written last before what is wanted."""
    return selection.since is not None and part.written_at < selection.since


def _piece(snapshot: Snapshot) -> int:
    return max(_LEAST, min(PIECE, _IN_ALL // max(1, len(snapshot))))


def _key(entry: Entry) -> bytes:
    return entry.key
