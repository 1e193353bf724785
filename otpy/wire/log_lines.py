"""The lines in which a node logs: of ``otpy run`` and of ``otpy events``.

The text of an event is its `str`, see `otpy.events`. All of it is escaped, so that a line is one
line and controls no terminal (`otpy.wire.safe_text`).
"""

import time
from typing import TYPE_CHECKING, Final

from otpy.wire.safe_text import one_line

if TYPE_CHECKING:
    from otpy.events import Event
    from otpy.wire.log_record import LogRecord

_CLOCK: Final = "%H:%M:%S"
_DATE: Final = "%Y-%m-%d"


def log_line(event: "Event") -> str:
    """Return an event as ``otpy run`` prints it: local time of day, ``otpy |``, text."""
    return one_line(f"{_local(event.at, _CLOCK)} otpy | {event}")


def dated_line(event: "Event") -> str:
    """Return an event as ``otpy events`` prints it: local date and time, text."""
    return one_line(f"{local_time(event.at)}  {event}")


def complaint_line(who: str, text: str) -> str:
    """Return the line of a report that is no event: ``otpy: shop: cannot write ...``."""
    return one_line(f"otpy: {who}: {text}")


def output_prefix(path: str, at: float, *, split: bool = False) -> bytes:
    """Return the prefix of what the child at `path` prints: local time of day, path, ``|``.

    Args:
        path: Of the child.
        at: Unix time at which it was read.
        split: The line goes on in the next one.
    """
    return f"{_local(at, _CLOCK)} {path} |{'>' if split else ''} ".encode()


def record_text(record: "LogRecord") -> str:
    """Return a record's text as people read it: of `logging` with ``INFO shop.orders: `` before."""
    return f"{record.level} {record.logger}: {record.text}" if record.level else record.text


def local_time(at: float) -> str:
    """Return a Unix time as local date and time of day, to the millisecond."""
    return _local(at, f"{_DATE} {_CLOCK}")


def _local(at: float, form: str) -> str:
    return f"{time.strftime(form, time.localtime(at))}.{int(at * 1000) % 1000:03d}"
