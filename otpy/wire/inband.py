"""How a child hands a record of `logging` over: on its stderr, between the lines that it prints.

A record is a line that begins with the ASCII record separator and holds JSON (RFC 7464)::

    0x1E {"time":1795823043.123,"level":"ERROR","logger":"shop","text":"...","fields":{...}} LF

The kernel writes at most PIPE_BUF bytes to a pipe as one (pipe(7)), so that nothing that other
threads and processes print comes between. A longer record is in several such lines, each with a
piece of the JSON: ``0x1E <pid>.<number>+ piece LF``, the last with ``=`` in place of ``+``. This
JSON has neither a record separator nor a line feed in it.

Any program may write such lines; ``time`` and ``fields`` may be left out. What is none, though it
has the separator, is output like any other.
"""

import os
import select
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Final

import msgspec

from otpy.wire.json_values import encodable

MARK: Final = b"\x1e"
MORE: Final = b"+"
LAST: Final = b"="
SEPARATOR: Final = b" "

LARGEST_RECORD: Final = 1 << 20
"""Bytes of a record's JSON that a reader collects, at most."""

_AT_ONCE: Final = select.PIPE_BUF
_MOST_TEXT: Final = 1 << 15
"""Characters of a record's text; a longer one is handed over as several records.

As many as there are in a message to the logger (`otpy.wire.log_message`).
"""

_MOST_FIELDS: Final = 1 << 16
"""Bytes of the JSON of a record's fields; longer ones are left out, and that is said."""

_numbers: Final[Callable[[], int]] = count().__next__


class Inband(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a record where it is made; `time` is Unix time in seconds."""

    level: str
    logger: str
    text: str
    time: float | None = None
    split: bool = False
    fields: Mapping[str, Any] = {}


def lines_of(record: Inband) -> Iterable[bytes]:
    """Return what hands a record over: each is to be written to stderr by one call."""
    if len(record.text) < _AT_ONCE and not record.fields:  # nearly all
        line = b"%b%b\n" % (MARK, _encoded(record))
        if len(line) <= _AT_ONCE:
            return (line,)
    return _long_lines(record)


def _long_lines(record: Inband) -> Iterator[bytes]:
    record = msgspec.structs.replace(record, fields=_plain(record.fields))
    while len(record.text) > _MOST_TEXT:
        text, rest = record.text[:_MOST_TEXT], record.text[_MOST_TEXT:]
        yield from _lines(
            _encoded(msgspec.structs.replace(record, text=text, split=True, fields={}))
        )
        record = msgspec.structs.replace(record, text=rest)
    yield from _lines(_encoded(record))


def _lines(data: bytes) -> Iterator[bytes]:
    line = b"%b%b\n" % (MARK, data)
    if len(line) <= _AT_ONCE:
        yield line
        return
    name = b"%b%x.%x" % (MARK, os.getpid(), _numbers())
    room = _AT_ONCE - len(name) - len(MORE) - len(SEPARATOR) - 1
    while len(data) > room:
        yield b"%b%b%b%b\n" % (name, MORE, SEPARATOR, data[:room])
        data = data[room:]
    yield b"%b%b%b%b\n" % (name, LAST, SEPARATOR, data)


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # lone surrogates
        return msgspec.json.encode(encodable(msgspec.to_builtins(value)))


def _plain(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields as JSON values; one that has no such form as its `repr`."""
    plain = {name: _json_value(value) for name, value in fields.items()}
    size = len(_encoded(plain))
    return plain if size <= _MOST_FIELDS else {"left_out": f"{len(plain)} fields of {size} bytes"}


def _json_value(value: object) -> Any:
    try:
        # Read back, so that nothing of the user's is called when it is encoded again.
        return msgspec.json.decode(_encoded(value))
    except Exception:  # noqa: BLE001  # whatever its type raises, there is its repr
        return repr(value)
