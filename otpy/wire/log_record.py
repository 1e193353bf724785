r"""One record of a log, and its two forms in a file: a line of text, or of JSON.

    2026-11-27T23:44:03.123Z shop/counter.3 out | what it printed
    2026-11-27T23:44:03.124Z shop/counter.3 log ERROR shop.orders | it failed
    2026-11-27T23:44:03.124Z shop/counter.3 log ERROR shop.orders + ValueError: no such order
    2026-11-27T23:44:03.124Z shop/counter.3 log ERROR shop.orders = {"order":7}
    {"time":"2026-11-27T23:44:03.124Z","path":"shop/counter","incarnation":3,"stream":"log",...}

Text: time (UTC), path and incarnation, stream, for ``log`` also level and logger, a mark, text. The
mark is ``|`` where a record begins, ``+`` for each further line of it, ``=`` for its fields, as
JSON; a ``>`` behind it says that the line was cut here and goes on in the next record. Words have
no white space: that, and ``%|+=``, stands as ``%20`` in them; the path of the root supervisor is
``/``, an empty word ``-``. The text is as it was written, in UTF-8; other bytes are ``\xff``. What
either form is made of can be read back exactly, except that times have milliseconds.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import msgspec

from otpy.wire.json_values import encodable

Stream: TypeAlias = Literal["out", "err", "log"]
"""Standard output, standard error, or a record of `logging` or of the node's own."""

ROOT: Final = "/"
"""The word for the path of the root supervisor, which is empty; no path is ``/``."""

_NONE: Final = "-"
_BEGINS: Final = b"|"
_FIELDS: Final = b"="
_FORM: Final = re.compile(
    rb"(?P<head>(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})Z ([^\s|+=]+)\.(\d+) (out|err|log)"
    rb"(?: ([^\s|+=]+) ([^\s|+=]+))?) ([|+=])(>?) (.*)",
    re.DOTALL,
)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})Z")
_in_word: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f|+=%\ud800-\udfff]|^-$")
_encoded: Final = re.compile(r"(?:%[0-9A-F]{2})+")
_OWN: Final = frozenset(
    {"time", "path", "incarnation", "stream", "level", "logger", "text", "split"}
)


class LogRecord(msgspec.Struct, frozen=True):
    """What a process wrote at a moment: a line of its output, or a record of `logging`.

    Attributes:
        time: Unix time in seconds; files keep milliseconds.
        path: Of the process in the tree.
        incarnation: Which one of the processes at that path, from 1.
        stream: Where it was written.
        text: Without the newline at its end; of a record it may have several lines.
        level: Of a record: ``INFO``.
        logger: Of a record: ``shop.orders``.
        split: It was too long: it goes on in the next record of that stream.
        fields: Of a record: what was given as `extra`, JSON values by name.
    """

    time: float
    path: str
    incarnation: int
    stream: Stream
    text: str
    level: str = ""
    logger: str = ""
    split: bool = False
    fields: Mapping[str, Any] = {}


class Line(NamedTuple):
    """One line of a file, with what it says of its record.

    Attributes:
        record: With the text or the fields that are in this line.
        mark: ``|`` where a record begins.
        head: What is before that; of JSON nothing.
    """

    record: LogRecord
    mark: bytes
    head: bytes


# ---- to a file -------------------------------------------------------------------------------


def stamp(at: float) -> str:
    """Return a Unix time as UTC with milliseconds: ``2026-11-27T23:44:03.123Z``."""
    second, milli = divmod(round(at * 1000), 1000)
    return f"{_second(second)}.{milli:03d}Z"


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))


def head(
    at: float, path: str, incarnation: int, stream: Stream, *, level: str = "", logger: str = ""
) -> bytes:
    """Return what a line of text has before its mark; ``head + b" | " + line`` is a record."""
    name = _word(path) if path else ROOT
    words = f" {_word(level)} {_word(logger)}" if level or logger else ""
    return f"{stamp(at)} {name}.{incarnation} {stream}{words}".encode(errors="backslashreplace")


def to_text(record: LogRecord) -> bytes:
    """Return the record as lines of text, each with its newline."""
    before = head(
        record.time,
        record.path,
        record.incarnation,
        record.stream,
        level=record.level,
        logger=record.logger,
    )
    cut = b">" if record.split else b""
    first, *others = record.text.encode(errors="backslashreplace").split(b"\n")
    lines = [b"%b |%b %b\n" % (before, cut, first)]
    lines += [b"%b +%b %b\n" % (before, cut, line) for line in others]
    if record.fields:
        lines.append(b"%b = %b\n" % (before, _json(record.fields)))
    return b"".join(lines)


def to_json(record: LogRecord) -> bytes:
    """Return the record as a line of JSON, with its newline: `fields` stand beside the others."""
    data: dict[str, Any] = {
        "time": stamp(record.time),
        "path": record.path,
        "incarnation": record.incarnation,
        "stream": record.stream,
    }
    if record.level or record.logger:
        data |= {"level": record.level, "logger": record.logger}
    data["text"] = record.text
    if record.split:
        data["split"] = True
    for name, value in record.fields.items():
        data[_free(name)] = value
    return _json(data) + b"\n"


def _json(data: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(data)
    except UnicodeEncodeError:  # lone surrogates
        return msgspec.json.encode(encodable(data))


def _free(name: str) -> str:
    """Return a field's name that is none of our own: one of these has ``_`` before it."""
    return f"_{name}" if name.lstrip("_") in _OWN else name


def _word(text: str) -> str:
    return _in_word.sub(_percent, text) if text else _NONE


def _percent(found: re.Match[str]) -> str:
    encoded = found[0].encode(errors="backslashreplace")
    return "".join([f"%{byte:02X}" for byte in encoded])


# ---- from a file -----------------------------------------------------------------------------


def parse_line(line: bytes) -> Line | None:
    """Return what one line of a file says, of either form; None if it is torn or no such line.

    Args:
        line: With or without its newline.
    """
    line = line.removesuffix(b"\n")
    if line.startswith(b"{"):
        record = parse_json(line)
        return None if record is None else Line(record, _BEGINS, b"")
    return _parse_text(line)


def continues(line: bytes) -> bool:
    """Return whether a line of a file goes on with the record before it."""
    if b" +" not in line and b" = " not in line:
        return False
    found = _FORM.fullmatch(line)
    return found is not None and found[9] != _BEGINS


def parse_text(lines: bytes) -> LogRecord | None:
    """Return the record that `to_text` wrote as `lines`; None if these are anything else."""
    found = list(records(lines.removesuffix(b"\n").split(b"\n")))
    if len(found) != 1 or isinstance(found[0], bytes) or lines.startswith(b"{"):
        return None
    return found[0]


def parse_json(line: bytes) -> LogRecord | None:
    """Return the record that `to_json` wrote as `line`; None if that is anything else."""
    try:
        data = msgspec.json.decode(line, type=dict[str, Any])
        fields = {name: data.pop(name) for name in data.keys() - _OWN}
        at = _epoch_of(data.pop("time"))
        found = msgspec.convert(data | {"time": at}, LogRecord)
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError, RecursionError):
        return None
    if fields:
        fields = {_given(name): value for name, value in fields.items()}
        return msgspec.structs.replace(found, fields=fields)
    return found


def records(lines: Iterable[bytes]) -> Iterator[LogRecord | bytes]:
    """Join the lines of each record; a line that belongs to none is given as it is."""
    begun: list[Line] = []
    for line in lines:
        found = parse_line(line)
        if found and begun and found.mark != _BEGINS and found.head == begun[0].head:
            begun.append(found)
            continue
        if begun:
            yield _joined(begun)
        begun = [found] if found else []
        if found is None:
            yield line
    if begun:
        yield _joined(begun)


def _joined(lines: list[Line]) -> LogRecord:
    first = lines[0].record
    if len(lines) == 1:
        return first
    texts = [line.record.text for line in lines if line.mark != _FIELDS]
    return msgspec.structs.replace(first, text="\n".join(texts), fields=lines[-1].record.fields)


def _parse_text(line: bytes) -> Line | None:
    found = _FORM.fullmatch(line)
    if found is None:
        return None
    before, second, milli, path, incarnation, stream, level, logger, mark, cut, text = (
        found.groups()
    )
    fields: dict[str, Any] = {}
    try:
        if mark == _FIELDS:
            fields, text = msgspec.json.decode(text, type=dict[str, Any]), b""
        record = LogRecord(
            (_epoch(second.decode()) * 1000 + int(milli)) / 1000,
            "" if path == ROOT.encode() else _unword(path),
            int(incarnation),
            cast("Stream", stream.decode()),
            text.decode(errors="backslashreplace"),
            _unword(level),
            _unword(logger),
            bool(cut),
            fields,
        )
    except (ValueError, RecursionError):  # no such day, or not UTF-8, or no JSON
        return None
    return Line(record, mark, before)


@lru_cache(maxsize=256)
def _unword(word: bytes | None) -> str:
    if word is None or word == _NONE.encode():
        return ""
    return _encoded.sub(
        lambda found: bytes.fromhex(found[0].replace("%", "")).decode(), word.decode()
    )


def _given(name: str) -> str:
    return name[1:] if name.startswith("_") and name.lstrip("_") in _OWN else name


def _epoch_of(text: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return (_epoch(found[1]) * 1000 + int(found[2])) / 1000


@lru_cache(maxsize=256)
def _epoch(second: str) -> int:
    return int(datetime.fromisoformat(f"{second}+00:00").timestamp())
