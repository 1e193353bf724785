"""``events.jsonl``: the latest events, one JSON object a line; it outlives the node."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from otpy.events import Event, EventsLost, event_to_data
from otpy.runtime.node.appending import FLAGS, append
from otpy.system.descriptor import Descriptor
from otpy.wire.paths import NODE

MAX_BYTES: Final = 16 << 20
"""Of the file; a full one becomes ``events.jsonl.1``, in place of the one before it."""

MAX_WAITING: Final = 1 << 20
"""Bytes of events that wait in memory while the file cannot be written."""


class EventFile:
    """Appends events to the file of a path, whatever becomes of that file.

    One that was removed or renamed is followed by a new one; one that was truncated is gone on
    with. Only whole lines are ever written. Events that cannot be written wait for the next time,
    the latest of them; of the others the number is written.

    Args:
        path: Of the file.

    Attributes:
        complain: Called with the reason when events begin to wait.
    """

    def __init__(self, path: Path) -> None:
        self.complain: Callable[[str], object] = lambda _reason: None
        self._path = path
        self._file: Descriptor | None = None
        self._waiting: deque[_Line] = deque()
        self._lost, self._reason = 0, ""
        self._last_lost: _Line | None = None
        self._open()

    def write(self, events: Iterable[Event]) -> None:
        """Append events. A full disk costs the record, never the node."""
        self._waiting.extend(map(_line, events))
        self.flush()

    def flush(self) -> None:
        """Append the events that wait."""
        if not self._waiting:
            return
        lines = [*self._lines_of_the_lost(), *(line.data for line in self._waiting)]
        try:
            file = self._file_for(sum(map(len, lines)))
            written, error = append(file.fileno(), lines)
        except OSError as failure:
            written, error = 0, failure
        self._written(written)
        self._failed(error)

    def reopen(self) -> None:
        """Create the file again if it was removed, and append the events that wait.

        Raises:
            OSError: It cannot be made.
        """
        self._file_for(0)
        self.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines_of_the_lost(self) -> list[bytes]:
        if (last := self._last_lost) is None:
            return []
        lost = EventsLost(
            at=time.time(),
            path=NODE,
            seq=last.seq,
            boot=last.boot,
            count=self._lost,
            reason=self._reason,
        )
        return [_line(lost).data]

    def _written(self, lines: int) -> None:
        if lines and self._lost:
            lines, self._lost, self._last_lost = lines - 1, 0, None
        for _ in range(lines):
            self._waiting.popleft()

    def _failed(self, error: OSError | None) -> None:
        """Keep the latest of what could not be written."""
        if error is None:
            self._reason = ""
            return
        if not self._reason:
            self.complain(f"{self._path}: {error.strerror}")
        self._reason = error.strerror or str(error)
        size = sum(len(line.data) for line in self._waiting)
        while size > MAX_WAITING:
            self._last_lost = self._waiting.popleft()
            size -= len(self._last_lost.data)
            self._lost += 1

    def _file_for(self, more: int) -> Descriptor:
        """Return the file that is at the path now, a new one if there is none or it is full."""
        file = self._file
        if file is None or not _is_at(self._path, file):
            return self._open()
        size = os.fstat(file.fileno()).st_size
        if size and size + more > MAX_BYTES:
            self._path.replace(self._path.with_suffix(".jsonl.1"))
            return self._open()
        return file

    def _open(self) -> Descriptor:
        """Open the file; close the one before only then, so that its number is not reused."""
        file = Descriptor(os.open(self._path, FLAGS, 0o600))
        self.close()
        self._file = file
        return file


class _Line(NamedTuple):
    """The line of an event, and its number."""

    seq: int
    boot: str
    data: bytes


def _line(event: Event) -> _Line:
    return _Line(event.seq, event.boot, msgspec.json.encode(event_to_data(event)) + b"\n")


def _is_at(path: Path, file: Descriptor) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False
