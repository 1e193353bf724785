"""Write the records of a log on stdout: as the files have them, or as JSON."""

import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import click
import msgspec

from otpy.cli.show import show_lines
from otpy.wire.log_record import to_json, to_text
from otpy.wire.safe_text import is_plain, json_text, output_line

if TYPE_CHECKING:
    from otpy.logs.reading import Entry

_AT_ONCE: Final = 1 << 16
"""Bytes that are written at once: a line each would take longer than to read them."""

_COLORS: Final = re.compile(rb"\x1b\[[0-9;:]*m")
_HEAD: Final = re.compile(rb"(\S+ \S+ (out|err|log)(?: (\S+) \S+)? )[|+]>? ")
_LEVELS: Final = {b"WARNING": "yellow", b"ERROR": "red", b"CRITICAL": "red"}


class LogOutput:
    """Stdout."""

    def __init__(self, *, as_json: bool) -> None:
        self._render: Callable[[Entry], bytes] = _as_json if as_json else self._as_text
        context = click.get_current_context(silent=True)
        is_wanted = context is None or context.color is not False
        self._has_colors = is_wanted and sys.stdout.isatty()

    def fileno(self) -> int:
        """Return its descriptor."""
        return sys.stdout.fileno()

    def write(self, entries: "Iterable[Entry]") -> None:
        """Write records as they come, and none later than the last."""
        waiting: list[bytes] = []
        size = 0
        for entry in entries:
            waiting.append(self._render(entry))
            size += len(waiting[-1])
            if size >= _AT_ONCE:
                show_lines(b"".join(waiting))
                waiting, size = [], 0
        if waiting:
            show_lines(b"".join(waiting))

    def _as_text(self, entry: "Entry") -> bytes:
        lines = _printable(entry)
        if self._has_colors:
            return b"".join([_colored(line) for line in lines.splitlines(keepends=True)])
        return _without_colors(lines)


def as_plain_text(entry: "Entry") -> str:
    """Return a record as it is shown where there are no colors: one line or more."""
    return _without_colors(_printable(entry)).decode(errors="replace")


def _without_colors(lines: bytes) -> bytes:
    """Return lines without their colors."""
    return _COLORS.sub(b"", lines) if b"\x1b" in lines else lines


def _printable(entry: "Entry") -> bytes:
    lines = entry.lines
    if lines.startswith(b"{") and (record := entry.record) is not None:
        lines = to_text(record)
    if not lines.endswith(b"\n"):
        lines += b"\n"
    if not is_plain(lines):
        lines = b"".join([output_line(line) + b"\n" for line in lines[:-1].split(b"\n")])
    return lines


def _colored(line: bytes) -> bytes:
    found = _HEAD.match(line)
    if found is None:
        return line
    color = _LEVELS.get(found[3] or b"", "red" if found[2] == b"err" else None)
    head = click.style(found[1].decode(), fg=color, dim=True if color is None else None)
    return head.encode() + line[found.end(1) :]


def _as_json(entry: "Entry") -> bytes:
    lines = entry.lines
    record = entry.record
    if record is None:
        text = lines.rstrip(b"\n").decode(errors="backslashreplace")
        return _safe(msgspec.json.encode({"text": text}) + b"\n")
    return _safe(lines if lines.startswith(b"{") else to_json(record))


def _safe(document: bytes) -> bytes:
    """Return a line of JSON with all control characters escaped, and its newline."""
    if is_plain(document):
        return document
    return json_text(document.decode().rstrip("\n")).encode() + b"\n"
