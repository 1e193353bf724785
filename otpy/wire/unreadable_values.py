"""Read the kind and number of a message whose value cannot be read, to refuse that message alone.

A frame bounds it, so that the messages behind it are read as usual.
"""

from typing import Final, NamedTuple

import msgspec

from otpy.wire.frames import Body

_parts: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_number: Final = msgspec.msgpack.Decoder(int).decode

_ARRAY: Final = 0x90
"""The first byte of an array of up to 15 parts, and their count."""
_POSITIVE: Final = 0x80
_WIDTHS: Final = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}


class Head(NamedTuple):
    """The parts of a message before its value."""

    kind: int
    number: int
    value: msgspec.Raw | None


def head_of(body: Body, numbered: dict[int, int], others: dict[int, int]) -> Head | None:
    """Return the head of a message; None if it is no message.

    Args:
        body: Of the frame.
        numbered: The kinds of messages that have a number, and how many parts each has.
        others: Those that have none; the number returned is 0 then.
    """
    try:
        parts = _parts(body)
        kind = _number(parts[0])
        if len(parts) == others.get(kind):
            return Head(kind, 0, parts[-1])
        if len(parts) == numbered.get(kind):
            return Head(kind, _number(parts[1]), parts[-1])
    except RecursionError:
        return _deep_head(body, numbered, others)
    except (ValueError, IndexError):
        pass
    return None


def _deep_head(body: Body, numbered: dict[int, int], others: dict[int, int]) -> Head | None:
    """Return the head of what is nested so deep that not even its end can be found."""
    size, kind = body[0] - _ARRAY, body[1]
    if size == others.get(kind):
        return Head(kind, 0, None)
    if size != numbered.get(kind):
        return None
    width = _WIDTHS.get(body[2], 0)
    if body[2] < _POSITIVE:
        return Head(kind, body[2], None)
    return Head(kind, int.from_bytes(body[3 : 3 + width]), None) if width else None
