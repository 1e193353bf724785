"""The incarnation of each process before the present one, as its log shows them."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from otpy.logs.merging import latest_first
from otpy.logs.reading import Entry
from otpy.logs.selection import Selection, Window
from otpy.logs.sources import Snapshot, Source
from otpy.wire.log_record import LogRecord

Start: TypeAlias = tuple[float, int]
"""When a process was started, in Unix time, and which incarnation it is.

Numbers begin anew when the node does.
"""

_Run: TypeAlias = tuple[int, int]
"""Of which incarnation, and which one of the known starts it is; -1 if none of them."""

_ROUNDED_S: Final = 0.001
"""Seconds by which the time in a log may be earlier than it was."""

_NEAR: Final = 8
"""Starts that are looked at for the one of a record."""


def previous_windows(
    snapshot: Snapshot, names: Sequence[str], starts: Mapping[str, Sequence[Start]]
) -> dict[str, Window]:
    """Return when the incarnations before the present ones wrote to their logs.

    Args:
        snapshot: The log files.
        names: Of the processes, as in `Selection`.
        starts: By path the starts that are known, oldest first. Where none is, the present
            incarnation is that which has written last.
    """
    windows: dict[str, Window] = {}
    for source, parts in snapshot:
        records = latest_first(source, parts, Selection(tuple(names)))
        windows |= _windows_in(source, records, starts)
    return windows


def _windows_in(
    source: Source, records: Iterable[Entry], starts: Mapping[str, Sequence[Start]]
) -> dict[str, Window]:
    present = {path: (known[-1][1], len(known) - 1) for path, known in starts.items() if known}
    previous: dict[str, _Run] = {}
    found: dict[str, Window] = {}
    complete: set[str] = set()
    for entry in records:
        record = entry.record
        if record is None or record.path in complete:
            continue
        path, run = record.path, _run_of(record, starts.get(record.path, ()))
        if present.setdefault(path, run) == run and path not in found:
            continue
        if previous.setdefault(path, run) == run:
            window = Window(run[0], entry.key, entry.key)
            found[path] = found.get(path, window).widened(entry.key)
        else:
            complete.add(path)
            if source.paths is not None and complete >= source.paths:
                break
    return found


def _run_of(record: LogRecord, starts: Sequence[Start]) -> _Run:
    after = bisect_right(starts, record.time + _ROUNDED_S, key=lambda start: start[0])
    for number in range(after - 1, max(-1, after - 1 - _NEAR), -1):
        if starts[number][1] == record.incarnation:
            return record.incarnation, number
    return record.incarnation, -1
