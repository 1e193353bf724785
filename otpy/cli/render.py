"""Results as text: tables, durations, sizes, JSON."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import click
import msgspec

from otpy.wire.safe_text import escaped, json_text, one_line

T = TypeVar("T")

STATE_COLORS: Final = {
    "running": "green",
    "waiting": "yellow",
    "starting": "yellow",
    "restarting": "yellow",
    "stopping": "yellow",
    "backoff": "yellow",
    "failed": "red",
    "stopped": "red",
}


class Column(NamedTuple):
    """One column of a table; numbers read best `right`-aligned."""

    title: str
    right: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Lay out `rows` under their titles, two spaces apart."""
    titles = [column.title for column in columns]
    rows = [[one_line(text) for text in row] for row in rows]
    widths = [max(len(row[i]) for row in (titles, *rows)) for i in range(len(columns))]
    lines = [
        "  ".join(
            _cell(text, width, column)
            for text, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in (titles, *rows)
    ]
    return "\n".join([click.style(lines[0], bold=True), *lines[1:]])


def _cell(text: str, width: int, column: Column) -> str:
    padded = text.rjust(width) if column.right else text.ljust(width)
    return padded.replace(text, _colored(text), 1) if column.title == "STATE" else padded


def _colored(state: str) -> str:
    return click.style(state, fg=STATE_COLORS[state]) if state in STATE_COLORS else state


def record(fields: Mapping[str, str]) -> str:
    """Lay out one thing, a line a field."""
    shown = {one_line(name): one_line(text) for name, text in fields.items()}
    width = max(map(len, shown))
    return "\n".join(
        f"{name.ljust(width)}  {_colored(text) if name == 'state' else text}"
        for name, text in shown.items()
    )


def or_dash(value: T | None, write: Callable[[T], str] = str) -> str:
    """Write a value, or a dash if there is none."""
    return "-" if value is None else write(value)


def duration(seconds: float) -> str:
    """Write a time span in its two largest units: ``3m12s``."""
    whole = int(max(seconds, 0))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days}d{hours}h"
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{left}s" if minutes else f"{left}s"


def elapsed(seconds: float) -> str:
    """Write a time span that may be short: ``3ms``, ``1.5s``, ``3m12s``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 10 else duration(seconds)


def size(count: int) -> str:
    """Write a number of bytes in the unit that fits."""
    if count < 1024:
        return f"{count} B"
    value = count / 1024
    for unit in ("KiB", "MiB"):
        if value < 1024:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _complex(value: object) -> str:
    if isinstance(value, complex):
        return str(value)
    raise TypeError(f"a {type(value).__qualname__}")


_encode: Final = msgspec.json.Encoder(enc_hook=_complex).encode
_TEXTS: Final = (str, date, time, timedelta, Decimal, UUID, complex)
"""Types whose values people read as their texts."""


def to_json(value: object) -> str:
    """Write `value` as one line of JSON.

    Sequences and sets are arrays; dates, times, decimal numbers and UUIDs are strings, as are
    complex numbers; bytes are base64.

    Raises:
        TypeError: JSON has no form for it.
    """
    return json_text(msgspec.json.format(_encode(value), indent=0).decode())


def to_pretty_json(value: object) -> str:
    """Write `value` as JSON over several lines."""
    return json_text(msgspec.json.format(_encode(value), indent=2).decode())


def plain(value: Any) -> str:
    """Write a reply for people: what has a text of its own as that, everything else as JSON."""
    if isinstance(value, _TEXTS):
        return escaped(str(value))
    try:
        return to_json(value)
    except TypeError:  # keys that JSON does not know
        return repr(value)


def counted(count: int, noun: str) -> str:
    """Write ``1 worker`` or ``2 workers``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
