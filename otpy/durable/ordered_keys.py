"""The form in which a key of a table is stored: bytes that are in the order of the keys.

So that any database that compares bytes has the rows in order. It is the tuple encoding of
FoundationDB's layers: a byte that says the type, then the content, which a byte that cannot stand
in it ends.
"""

import struct
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Final

import msgspec

from otpy.durable.value_codec import CannotStore, ValueCodec

_NONE: Final = 0x00
_BYTES: Final = 0x01
_TEXT: Final = 0x02
_TUPLE: Final = 0x05
_ZERO: Final = 0x14
_MAX_INT_BYTES: Final = 255
_LARGE_BELOW: Final = 0x0B
_LARGE_ABOVE: Final = 0x1D
_INT_BYTES: Final = 8
_FLOAT: Final = 0x21
_FALSE: Final = 0x26
_TRUE: Final = 0x27
_UUID: Final = 0x30
_DATE: Final = 0x31
_MOMENT: Final = 0x32

_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1


def key_bytes(key: Any) -> bytes:
    """Return the stored form of a key.

    Raises:
        CannotStore: A key of this type has no order, or none that is known here.
    """
    out = bytearray()
    _put(key, out)
    return bytes(out)


def key_of(data: bytes) -> Any:
    """Return the key that is stored so.

    Raises:
        CannotStore: It is none.
    """
    try:
        key, end = _take(data, 0)
    except (IndexError, struct.error, ValueError) as error:
        raise CannotStore(f"no key: {data[:20]!r}: {error}") from None
    if end != len(data):
        raise CannotStore(f"no key: {data[:20]!r}")
    return key


def _put(key: Any, out: bytearray) -> None:
    put = _PUT.get(type(key))
    if put is None:
        put = next((put for kind, put in _PUT.items() if isinstance(key, kind)), _refuse)
    put(key, out)


def _refuse(key: Any, out: bytearray) -> None:
    del out
    raise CannotStore(
        f"a key of type {type(key).__qualname__}; expected int, str, bytes, float, bool, tuple, "
        "date, datetime, UUID or Enum"
    )


def _put_tuple(key: tuple[Any, ...], out: bytearray) -> None:
    out.append(_TUPLE)
    for part in key:
        if part is None:
            out += b"\x00\xff"  # else it would begin with the byte that ends the tuple
        else:
            _put(part, out)
    out.append(0)


def _put_uuid(key: uuid.UUID, out: bytearray) -> None:
    out.append(_UUID)
    out += key.bytes


def _put_date(key: date, out: bytearray) -> None:
    out.append(_DATE)
    out += struct.pack(">I", key.toordinal())


def _utf8(key: str) -> bytes:
    try:
        return key.encode()
    except UnicodeEncodeError:
        raise CannotStore(f"half a character in the key {key!r:.100}") from None


def _put_content(kind: int, content: bytes, out: bytearray) -> None:
    out.append(kind)
    out += content.replace(b"\x00", b"\x00\xff")
    out.append(0)


def _put_int(key: int, out: bytearray) -> None:
    size = (abs(key).bit_length() + 7) // 8
    if size > _MAX_INT_BYTES:
        raise CannotStore(f"a number of {size} bytes as a key; at most {_MAX_INT_BYTES}")
    large = size > _INT_BYTES
    if key >= 0:
        out += bytes((_LARGE_ABOVE, size)) if large else bytes((_ZERO + size,))
        out += key.to_bytes(size, "big")
    else:
        # Below zero the complement, so that what is further from it comes first.
        out += bytes((_LARGE_BELOW, size ^ 0xFF)) if large else bytes((_ZERO - size,))
        out += (key + (1 << (8 * size)) - 1).to_bytes(size, "big")


def _put_float(key: float, out: bytearray) -> None:
    if key != key:  # noqa: PLR0124  # NaN
        raise CannotStore("NaN as a key: it has no place in an order")
    (bits,) = struct.unpack(">Q", struct.pack(">d", key + 0.0))
    out.append(_FLOAT)
    out += struct.pack(">Q", bits ^ (_ALL if bits & _SIGN else _SIGN))


def _put_moment(key: datetime, out: bytearray) -> None:
    if key.tzinfo is None:
        raise CannotStore(f"a time without a zone as a key: {key}")
    moment = key.astimezone(UTC)
    delta = moment - _FIRST
    out.append(_MOMENT)
    out += struct.pack(">q", (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds)


_FIRST: Final = datetime.min.replace(tzinfo=UTC)


_PUT: Final[dict[type, Callable[[Any, bytearray], None]]] = {
    Enum: lambda key, out: _put(key.value, out),  # before what it may be besides
    bool: lambda key, out: out.append(_TRUE if key else _FALSE),
    int: _put_int,
    str: lambda key, out: _put_content(_TEXT, _utf8(key), out),
    bytes: lambda key, out: _put_content(_BYTES, key, out),
    float: _put_float,
    tuple: _put_tuple,
    uuid.UUID: _put_uuid,
    datetime: _put_moment,
    date: _put_date,
    type(None): lambda _, out: out.append(_NONE),
}


def _take(data: bytes, at: int) -> tuple[Any, int]:
    kind, at = data[at], at + 1
    if _LARGE_BELOW <= kind <= _LARGE_ABOVE:
        return _take_int(kind, data, at)
    if kind in (_BYTES, _TEXT):
        content, at = _take_content(data, at)
        return (content.decode() if kind == _TEXT else content), at
    if kind == _TUPLE:
        return _take_tuple(data, at)
    if kind in _FIXED:
        size, make = _FIXED[kind]
        part = data[at : at + size]
        return make(part), at + size
    raise ValueError(f"kind {kind}")


def _take_int(kind: int, data: bytes, at: int) -> tuple[int, int]:
    if kind == _LARGE_ABOVE:
        size, at = data[at], at + 1
    elif kind == _LARGE_BELOW:
        size, at = data[at] ^ 0xFF, at + 1
    else:
        size = abs(kind - _ZERO)
    number = int.from_bytes(data[at : at + size], "big")
    if kind < _ZERO:
        number -= (1 << (8 * size)) - 1
    return number, at + size


def _take_content(data: bytes, at: int) -> tuple[bytes, int]:
    end = at
    while True:
        end = data.index(b"\x00", end)
        if data[end + 1 : end + 2] != b"\xff":
            return data[at:end].replace(b"\x00\xff", b"\x00"), end + 1
        end += 2


def _take_tuple(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    parts: list[Any] = []
    while True:
        if data[at] == 0 and data[at + 1 : at + 2] != b"\xff":
            return tuple(parts), at + 1
        if data[at] == 0:
            parts.append(None)
            at += 2
        else:
            part, at = _take(data, at)
            parts.append(part)


def _float(part: bytes) -> float:
    (bits,) = struct.unpack(">Q", part)
    bits ^= _SIGN if bits & _SIGN else _ALL
    (value,) = struct.unpack(">d", struct.pack(">Q", bits))
    return float(value)


def _moment(part: bytes) -> datetime:
    (microseconds,) = struct.unpack(">q", part)
    return _FIRST + timedelta(microseconds=microseconds)


_FIXED: Final[dict[int, tuple[int, Callable[[bytes], Any]]]] = {
    _NONE: (0, lambda _: None),
    _FALSE: (0, lambda _: False),
    _TRUE: (0, lambda _: True),
    _FLOAT: (8, _float),
    _UUID: (16, lambda part: uuid.UUID(bytes=part)),
    _DATE: (4, lambda part: date.fromordinal(struct.unpack(">I", part)[0])),
    _MOMENT: (8, _moment),
}


class KeyCodec:
    """Encodes and decodes the keys of one type.

    Args:
        kind: The type; None for any key that is its own.

    Raises:
        CannotStore: No value of this type can be stored.
    """

    def __init__(self, kind: Any = None) -> None:
        self._values = None if kind is None or kind in _OWN else ValueCodec(kind)
        self._kind = kind

    def encode(self, key: Any) -> bytes:
        """Return the stored form of a key; raises `CannotStore`."""
        if self._kind in _OWN and type(key) is not self._kind:
            expected = self._kind.__name__
            raise CannotStore(f"a key of type {type(key).__qualname__}; expected {expected}")
        return key_bytes(key)

    def decode(self, data: bytes) -> Any:
        """Return the key; raises `CannotStore`."""
        key = key_of(data)
        if self._values is None:
            return key
        try:
            return msgspec.convert(key, self._kind)
        except (ValueError, TypeError) as error:
            raise CannotStore(f"it is no key of this table: {error}") from None


_OWN: Final = frozenset({int, str, bytes, float, bool, date, datetime, uuid.UUID})
"""Types of keys that come back as what they were."""
