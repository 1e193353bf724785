"""What the processes of a node send to its logger: lines that one of them read at one moment.

A message arrives whole or not at all, and has a number: what one logger had not finished when it
was killed is known to the next one (`otpy.runtime.logger`).
"""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from otpy.wire.log_record import LogRecord, Stream

OWN_LOGGER: Final = "otpy"
"""The name of the logger of what otpy itself says."""

MAX_LINE: Final = 1 << 16
"""Bytes of a line; a longer one is split."""

_MESSAGE_BYTES: Final = 1 << 15

Number: TypeAlias = tuple[int, int, int]
"""The pid of the sender, when it began to send (monotonic ns), and how many it had sent."""


class Target(msgspec.Struct, frozen=True, array_like=True):
    """Where lines go.

    Attributes:
        file: Absolute path of the file; "" for the one of the process in the node's folder.
        is_json: Whether each record is a line of JSON, and not of text.
        max_size: Bytes after which a file is rotated.
        keep: How many rotated files are kept.
    """

    file: str = ""
    is_json: bool = False
    max_size: int = 10 << 20
    keep: int = 5


class LogMessage(msgspec.Struct, frozen=True, array_like=True):
    """Lines of one stream of one process, or records.

    Attributes:
        number: Its own.
        target: Where they go.
        at: Unix time at which they were read.
        path: Of the process.
        incarnation: Of the process.
        stream: The one that they were read from; ``log`` for records.
        lines: As they were written, each with its newline.
        split: They are the beginning of one line, which was too long.
        records: Those that come in place of lines.
    """

    number: Number
    target: Target
    at: float
    path: str
    incarnation: int
    stream: Stream
    lines: bytes = b""
    split: bool = False
    records: Sequence[LogRecord] = ()


def numbers() -> Callable[[], Number]:
    """Return what numbers the messages of this process."""
    pid, began, count = os.getpid(), time.monotonic_ns(), itertools.count(1)
    return lambda: (pid, began, next(count))


class Piece(NamedTuple):
    """Whole lines, or the beginning of one that is too long; each with a newline."""

    lines: bytes
    split: bool = False


def pieces(data: bytes) -> tuple[list[Piece], bytes]:
    """Divide what was read of a stream into pieces for a message each; return the rest, too.

    The rest is a line that has not ended, and is shorter than `MAX_LINE`.
    """
    found: list[Piece] = []
    start, size = 0, len(data)
    while start < size:
        end = data.rfind(b"\n", start, start + _MESSAGE_BYTES) + 1
        if not end:
            end = data.find(b"\n", start, start + MAX_LINE + 1) + 1
        if end:
            found.append(Piece(data[start:end]))
        elif size - start <= MAX_LINE:
            return found, data[start:]
        else:
            end = _between_characters(data, start + MAX_LINE)
            found.append(Piece(data[start:end] + b"\n", split=True))
        start = end
    return found, b""


def _between_characters(data: bytes, at: int) -> int:
    """Return the nearest place up to `at` that is not inside a character of UTF-8."""
    for back in range(4):
        if data[at - back] & 0xC0 != 0x80:
            return at - back
    return at


def cut_to_size(record: LogRecord) -> Iterator[LogRecord]:
    """Divide a record that is too large for a message; the last part has its fields.

    Fields that are too large by themselves are left out, and that is said in their place.
    """
    if record.fields and (size := len(msgspec.json.encode(record.fields))) > MAX_LINE:
        left_out = {"left_out": f"{len(record.fields)} fields of {size} bytes"}
        record = msgspec.structs.replace(record, fields=left_out)
    text = record.text
    while len(text) > _MESSAGE_BYTES:
        part, text = text[:_MESSAGE_BYTES], text[_MESSAGE_BYTES:]
        yield msgspec.structs.replace(record, text=part, split=True, fields={})
    yield record if text is record.text else msgspec.structs.replace(record, text=text)


def batches(records: Iterable[LogRecord]) -> Iterator[list[LogRecord]]:
    """Divide records among messages: as many as have room, each cut to size."""
    batch: list[LogRecord] = []
    size = 0
    for record in records:
        for part in cut_to_size(record):
            own = len(part.text) + (len(msgspec.json.encode(part.fields)) if part.fields else 0)
            if batch and size + own > _MESSAGE_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(part)
            size += own
    if batch:
        yield batch
