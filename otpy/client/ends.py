"""How the processes of a node ended, as its folder has it, whether the node runs or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from otpy.wire.ends import (
    KEPT,
    End,
    Line,
    Then,
    beginning,
    files_in,
    killed_node,
    read_line,
)

_decode_end = msgspec.json.Decoder(End).decode


def read_ends(folder: Path, path: str) -> list[End]:
    """Read the last ends of a process, oldest first.

    Args:
        folder: Where the node keeps them.
        path: Of the process.
    """
    ends: dict[int, End] = {}
    done: dict[int, tuple[int, Then]] = {}
    for data in _lines(folder):
        if not data.startswith(beginning(path)) or (line := read_line(data)) is None:
            continue
        if line.has_end and (end := _end_of(line)) is not None:
            ends[line.number] = end
        if line.then is not None:
            known = done.get(line.number)
            if known is None or known[0] < line.revision:
                done[line.number] = line.revision, line.then
    numbers = sorted(ends)[-KEPT:]
    return [replace(ends[n], then=done[n][1]) if n in done else ends[n] for n in numbers]


def paths_with_ends(folder: Path) -> list[str]:
    """List the paths of the processes of which ends are kept."""
    lines = (read_line(data) for data in _lines(folder))
    return sorted({line.path for line in lines if line is not None and line.has_end})


def end_without_notice(facts: dict[str, Any], events: Path) -> End:
    """Return the end of a run of a node that was killed.

    Args:
        facts: The `node.json` that it left.
        events: The file of its events: its last one was written at about that time.
    """
    try:
        last_heard = events.stat().st_mtime
    except OSError:
        last_heard = None
    return killed_node(facts, last_heard)


def _end_of(line: Line) -> End | None:
    try:
        return _decode_end(line.end)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _lines(folder: Path) -> Iterator[bytes]:
    """Yield the lines of all files, oldest first.

    Should the lines of a file be copied and the file be removed meanwhile, the copies are read.
    """
    read: set[Path] = set()
    while unread := [path for path in files_in(folder) if path not in read]:
        for path in unread:
            read.add(path)
            try:
                with path.open("rb") as file:
                    yield from file
            except OSError:
                continue
