"""The events of a node that are kept in its folder, whether it runs or not."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from otpy.events import Event

_decoder = msgspec.json.Decoder(Event)


def read_history(file: Path) -> list[Event]:
    """Read the events of ``events.jsonl`` and of the file before it, in order of time.

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
    # What happened in one moment stays in the order in which it was written.
    return sorted((*_events(older), *_events(newer)), key=lambda event: event.at)


def _events(data: bytes) -> Iterator[Event]:
    for line in data.splitlines():
        try:
            yield _decoder.decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
