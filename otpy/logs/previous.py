"""The incarnation of each process before the present one, as its log shows them."""

from collections.abc import Iterable, Mapping, Sequence

from otpy.logs.merging import latest_first
from otpy.logs.reading import Entry
from otpy.logs.selection import Selection, Window
from otpy.logs.sources import Snapshot, Source


def previous_windows(
    snapshot: Snapshot, names: Sequence[str], present: Mapping[str, tuple[int, float]]
) -> dict[str, Window]:
    """Return when the incarnations before the present ones wrote to their logs.

    Args:
        snapshot: The log files.
        names: Of the processes, as in `Selection`.
        present: Number and start, in Unix time, of the present incarnations as far as they are
            known; of others the present one is that which has written last.
    """
    windows: dict[str, Window] = {}
    for source, parts in snapshot:
        records = latest_first(source, parts, Selection(tuple(names)))
        windows |= _windows_in(source, records, present)
    return windows


def _windows_in(
    source: Source, records: Iterable[Entry], present: Mapping[str, tuple[int, float]]
) -> dict[str, Window]:
    now: dict[str, tuple[int, float]] = dict(present)
    found: dict[str, Window] = {}
    complete: set[str] = set()
    for entry in records:
        record = entry.record
        if record is None or record.path in complete:
            continue
        path, number = record.path, record.incarnation
        own, begun = now.setdefault(path, (number, 0.0))
        window = found.get(path)
        if window is None:
            # Numbers begin anew when the node does: then the same one is another incarnation.
            if number != own or record.time < begun - 0.001:
                found[path] = Window(number, entry.key, entry.key)
        elif window.incarnation == number:
            found[path] = window.widened(entry.key)
        else:
            complete.add(path)
            if source.paths is not None and complete >= source.paths:
                break
    return found
