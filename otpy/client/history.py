"""The events of a node that are kept in its folder, whether it runs or not."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from otpy.events import Event, EventsLost

_decoder = msgspec.json.Decoder(Event)


def read_history(file: Path) -> list[Event]:
    """Read the events of ``events.jsonl`` and of the file before it, in order.

    A line that is no event (half of one, after a crash of the machine) is left out.

    Args:
        file: The newer file.

    Raises:
        OSError: It cannot be read.
    """
    # The newer one first: should it become the older one meanwhile, that is missed, not read twice.
    newer = file.read_bytes()
    try:
        older = file.with_suffix(".jsonl.1").read_bytes()
    except FileNotFoundError:
        older = b""
    return merged([*_events(older), *_events(newer)])


def merged(events: Iterable[Event]) -> list[Event]:
    """Put events of several sources in order, each of them once.

    The runs of the node follow each other as they are given, and the events of one run by their
    numbers; those of an otpy that gave no numbers come first, by their time.
    """
    runs: dict[str, dict[int, Event]] = {}
    unnumbered: list[Event] = []
    for event in events:
        if not event.seq:
            unnumbered.append(event)
            continue
        run = runs.setdefault(event.boot, {})
        if event.seq not in run or isinstance(run[event.seq], EventsLost):
            run[event.seq] = event
    numbered = (run[seq] for run in runs.values() for seq in sorted(run))
    # What happened in one moment stays in the order in which it was written.
    return [*sorted(unnumbered, key=lambda event: event.at), *numbered]


def _events(data: bytes) -> Iterator[Event]:
    for line in data.splitlines():
        try:
            yield _decoder.decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
