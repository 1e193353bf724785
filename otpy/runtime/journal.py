"""``events.jsonl``: every event, one JSON object a line; it outlives the node."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from otpy.events import Event, event_to_data

_MAX_BYTES: Final = 16 << 20


class Journal:
    """Appends events to a file; a full one becomes ``events.jsonl.1``.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size

    def write(self, events: Iterable[Event]) -> None:
        """Append events. A full disk costs the record, never the node."""
        lines = b"".join(msgspec.json.encode(event_to_data(event)) + b"\n" for event in events)
        try:
            if self._size + len(lines) > _MAX_BYTES:
                self._turn_over()
            self._size += os.write(self._fd, lines)
        except OSError:
            pass

    def _turn_over(self) -> None:
        self._path.replace(self._path.with_suffix(".jsonl.1"))
        os.close(self._fd)
        self._fd, self._size = self._open(), 0

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
