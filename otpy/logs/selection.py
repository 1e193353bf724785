"""Which records are wanted: of which processes, when, and with what in them."""

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from otpy.logs.grep import Literal
from otpy.logs.reading import Entry, entries, entry_at, key_of
from otpy.logs.sources import Source
from otpy.wire.log_record import LogRecord

ROOT: Final = "root"
"""The name of the root supervisor, whose path is empty."""

_SLACK_S: Final = 60.0
"""Seconds by which a record may be older than the one before it in its file."""

_GLOB: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Window:
    """The lines of one incarnation of a process: its number, and the times between which it ran."""

    incarnation: int
    first: bytes
    last: bytes

    def widened(self, key: bytes) -> "Window":
        """Return a window that has the time of `key`, too."""
        return Window(self.incarnation, min(self.first, key), max(self.last, key))

    def has(self, entry: Entry, record: LogRecord) -> bool:
        """Return whether a record is of that incarnation."""
        return record.incarnation == self.incarnation and self.first <= entry.key <= self.last


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted of the records.

    Attributes:
        names: Of processes: those that `is_of` finds; all if there is no name.
        since: Unix time; None for all that there is.
        until: So, too.
        grep: What is to be found in the text, the level or the logger.
        windows: The incarnations that are wanted, by path; None for all.
    """

    names: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    grep: "re.Pattern[str] | None" = None
    windows: dict[str, Window] | None = None
    _literal: Literal | None = field(init=False)

    def __post_init__(self) -> None:
        literal = None if self.grep is None else Literal(self.grep)
        object.__setattr__(self, "_literal", literal if literal and literal.text else None)

    def within(self, windows: dict[str, Window]) -> "Selection":
        """Return what is wanted of these incarnations."""
        return replace(self, windows=windows)

    def may_be_in(self, source: Source) -> bool:
        """Return whether a file may have wanted records, by what is known of its processes."""
        return source.paths is None or any(map(self.is_path_wanted, source.paths))

    def is_path_wanted(self, path: str) -> bool:
        """Return whether records of the process at `path` are wanted."""
        named = not self.names or any(is_of(path, name) for name in self.names)
        return named and (self.windows is None or path in self.windows)

    def is_later(self, piece: bytes) -> bool:
        """Return whether a piece begins and ends after all that is wanted.

        What follows it may be wanted all the same: the clock may have been set back.
        """
        if self.until is None:
            return False
        last = piece[piece.rfind(b"\n", 0, -1) + 1 :]
        ends = (next(entries(data), None) for data in (piece, last))
        key = key_of(self.until + _SLACK_S)
        return all(entry is not None and entry.key > key for entry in ends)

    def filter_of(self, source: Source) -> Callable[[bytes], Iterator[Entry]]:
        """Return what yields the wanted records of each piece of a source's files, in order."""
        paths = None if source.is_elsewhere else source.paths
        alone = not self.names or (paths is not None and all(map(self.is_path_wanted, paths)))
        look = not (alone and self.windows is None and self.grep is None)
        first = b"" if self.since is None else key_of(self.since)
        last = b"~" if self.until is None else key_of(self.until)

        def wanted(piece: bytes) -> Iterator[Entry]:
            for entry in self._candidates(piece):
                if first <= entry.key <= last and (not look or self._is_wanted(entry, alone=alone)):
                    yield entry

        return wanted

    def _candidates(self, piece: bytes) -> Iterator[Entry]:
        """Yield the records that may be wanted."""
        if self._literal is None:
            yield from entries(piece)
            return
        places = self._literal.places_in(piece)
        place = places.next(0)
        while place >= 0:
            lines, end = entry_at(piece, place)
            yield from entries(lines)
            place = places.next(end)

    def _is_wanted(self, entry: Entry, *, alone: bool) -> bool:
        record = entry.record
        if record is None:
            found = self.grep is None or self.grep.search(entry.lines.decode(errors="replace"))
            return alone and self.windows is None and bool(found)
        if not self.is_path_wanted(record.path):
            return False
        if self.windows is not None and not self.windows[record.path].has(entry, record):
            return False
        return self.grep is None or _has(self.grep, record)


def is_of(path: str, name: str) -> bool:
    """Return whether the process at `path` is the one called `name`, or below it.

    Args:
        path: Of the process.
        name: A path, an id or a pattern with ``*``, ``?`` or ``[...]`` for the whole path.
    """
    if name == ROOT:
        return path in ("", ROOT)
    if _GLOB.search(name) and fnmatch.fnmatchcase(path, name):
        return True
    return f"/{name}/" in f"/{path}/"


def _has(grep: "re.Pattern[str]", record: LogRecord) -> bool:
    words = [word for word in (record.level, record.logger) if word]
    return any(grep.search(text) for text in (record.text, *words))
