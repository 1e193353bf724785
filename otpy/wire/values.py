"""Values of the user's in MessagePack: each arrives as what it was, or is refused.

What MessagePack knows goes as it is: None, booleans, integers, floats, strings, bytes, and lists
and mappings of such. Other values of Python's own types go as extension types, of which nothing is
ever executed. All else is refused, subclasses of these types included: an encoder would send them
as something else without a word.
"""

import gc
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Final, TypeAlias

import msgspec

from otpy.errors import NotSendable
from otpy.wire.nesting import MAX_NESTING

TUPLE: Final = 1
SET: Final = 2
FROZENSET: Final = 3
MAPPING: Final = 4
"""Of which a key is an extension type: keys and values in turn."""
BYTEARRAY: Final = 5
COMPLEX: Final = 6
DATETIME: Final = 7
DATE: Final = 8
TIME: Final = 9
TIMEDELTA: Final = 10
DECIMAL: Final = 11
UUID: Final = 12

SCALARS: Final = frozenset({int, str, bool, float, bytes, type(None)})
"""The types that MessagePack carries and that hold no other values."""

_CONTAINERS: Final = frozenset({list, dict})
_PLAIN: Final = SCALARS | _CONTAINERS
_FEW: Final = 16
_refers_to: Final = gc.get_referents
_encode: Final = msgspec.msgpack.Encoder().encode

Unknown: TypeAlias = Callable[[object], Any]
"""Returns a stand-in for a value that cannot be carried, or raises."""


def carried(value: Any, unknown: Unknown | None = None) -> Any:
    """Return the form of a value that an encoder takes, and that arrives as the same value.

    Args:
        value: Any.
        unknown: Gives what stands for what cannot be carried.

    Raises:
        NotSendable: It cannot be carried, or is nested too deep.
    """
    kind = type(value)
    if kind in SCALARS or ((kind is list or kind is dict) and is_plain(value)):
        return value
    return extended(value, unknown)


def extended(value: Any, unknown: Unknown | None = None) -> Any:
    """Return the form of a value that is not plain; as `carried`."""
    if type(value) is tuple and SCALARS.issuperset(map(type, value)):
        return _extension(TUPLE, value)
    return _Carrying(unknown or _refuse).carry(value, 0)


def is_plain(value: Any) -> bool:
    """Return whether a list or a mapping holds only what MessagePack knows, not nested too deep."""
    if len(value) <= _FEW:
        try:
            return _holds_plain(value, MAX_NESTING)
        except RuntimeError:  # another thread has changed it
            pass
    return _is_plain_by_levels(value)


def _holds_plain(value: Any, levels: int) -> bool:
    if not levels:
        return False
    if type(value) is dict:
        for key in value:
            if type(key) not in SCALARS:
                return False
        value = value.values()
    for part in value:
        kind = type(part)
        if kind not in SCALARS and not (
            (kind is list or kind is dict) and _holds_plain(part, levels - 1)
        ):
            return False
    return True


def _is_plain_by_levels(value: Any) -> bool:
    """Do the same level by level, each of which is one call: for many parts that is faster."""
    level = [value]
    for _ in range(MAX_NESTING):
        # All that a list or a mapping refers to are its elements, or its keys and values.
        level = _refers_to(*level)
        kinds = set(map(type, level))
        if not kinds <= _PLAIN:
            return False
        if kinds <= SCALARS:
            return True
        if not kinds <= _CONTAINERS:
            level = [each for each in level if type(each) is list or type(each) is dict]
    return False


class _Carrying:
    """Makes extension types of what MessagePack does not know."""

    def __init__(self, unknown: Unknown) -> None:
        self._unknown = unknown

    def carry(self, value: Any, depth: int) -> Any:
        """Return the form of a value that is nested so deep."""
        kind = type(value)
        if kind in SCALARS:
            return value
        if depth >= MAX_NESTING:
            raise NotSendable(f"nested over {MAX_NESTING} deep")
        depth += 1
        if kind is list:
            return [self.carry(each, depth) for each in tuple(value)]
        if kind is dict:
            return self._mapping(value, depth)
        if kind in _SEQUENCES:
            return self._extension(_SEQUENCES[kind], value, depth)
        if kind in _PARTS:
            return _extension(*_PARTS[kind](value))
        return self._rarer(value)

    def _mapping(self, value: dict[Any, Any], depth: int) -> Any:
        items = tuple(value.items())  # another thread may be changing it
        if all(type(key) in SCALARS for key, _ in items):
            return {key: self.carry(each, depth) for key, each in items}
        return self._extension(MAPPING, (part for item in items for part in item), depth)

    def _extension(self, code: int, values: Iterable[Any], depth: int) -> msgspec.msgpack.Ext:
        return _extension(code, [self.carry(each, depth) for each in tuple(values)])

    def _rarer(self, value: Any) -> Any:
        # A sender of one of these has imported its module; others need not import it.
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if name == "decimal.Decimal":
            return _extension(DECIMAL, str(value))
        if name == "uuid.UUID":
            return _extension(UUID, value.bytes)
        return self._unknown(value)


def _extension(code: int, content: Any) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(code, _encode(content))


_SEQUENCES: Final[dict[type, int]] = {tuple: TUPLE, set: SET, frozenset: FROZENSET}


def _zone(zone: tzinfo | None) -> Any:
    """Return which time zone it is: a name, or what makes one of a fixed difference."""
    if zone is None:
        return None
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [*_days(offset), *name]
    key = getattr(zone, "key", None)
    if f"{type(zone).__module__}.{type(zone).__qualname__}" == "zoneinfo.ZoneInfo" and key:
        return key
    raise NotSendable(
        f"a time zone of type {type(zone).__qualname__}; a ZoneInfo or a timezone can be sent"
    )


def _days(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _moment(value: Any) -> list[Any]:
    return [value.replace(tzinfo=None).isoformat(), value.fold, _zone(value.tzinfo)]


_PARTS: Final[dict[type, Callable[[Any], tuple[int, Any]]]] = {
    bytearray: lambda value: (BYTEARRAY, bytes(value)),
    complex: lambda value: (COMPLEX, [value.real, value.imag]),
    datetime: lambda value: (DATETIME, _moment(value)),
    date: lambda value: (DATE, value.isoformat()),
    time: lambda value: (TIME, _moment(value)),
    timedelta: lambda value: (TIMEDELTA, _days(value)),
}


def _refuse(value: object) -> Any:
    kind = type(value).__qualname__
    raise NotSendable(f"{kind} is unsupported{_advice(value)}")


def _advice(value: object) -> str:
    """Return advice which value to send in place of this one."""
    kind = type(value)
    if hasattr(kind, "_member_map_"):
        return "; send its value"
    if hasattr(kind, "__dataclass_fields__"):
        return "; send dataclasses.asdict of it"
    if hasattr(kind, "__struct_fields__"):
        return "; send msgspec.structs.asdict of it"
    for base in (int, str, float, bytes, tuple, list, dict, set, frozenset):
        if isinstance(value, base):
            return f"; send {base.__name__} of it"
    if isinstance(value, memoryview):
        return "; send bytes of it"
    return ""


# --- where it arrives ---------------------------------------------------------------------------


def revived(code: int, data: memoryview) -> Any:
    """Return the value that an extension type stands for.

    Raises:
        ValueError: It stands for none.
    """
    make = _MAKERS.get(code)
    if make is None:
        raise ValueError(f"no extension type of otpy's: {code}")
    content = _content(data)
    try:
        return make(content)
    except (ValueError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001  # whatever the content is that nobody of ours sent
        raise ValueError(f"not the content of extension type {code}: {error}") from None


_content: Final = msgspec.msgpack.Decoder(ext_hook=revived).decode


def _pairs(parts: list[Any]) -> dict[Any, Any]:
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _zone_of(zone: Any) -> tzinfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        from zoneinfo import ZoneInfo  # noqa: PLC0415  # few need it

        return ZoneInfo(zone)
    return timezone(timedelta(*zone[:3]), *zone[3:])


def _datetime(parts: list[Any]) -> datetime:
    text, fold, zone = parts
    return datetime.fromisoformat(text).replace(fold=fold, tzinfo=_zone_of(zone))


def _time(parts: list[Any]) -> time:
    text, fold, zone = parts
    return time.fromisoformat(text).replace(fold=fold, tzinfo=_zone_of(zone))


def _decimal(text: str) -> Any:
    from decimal import Decimal, InvalidOperation  # noqa: PLC0415  # few need it

    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"no decimal number: {text!r:.100}") from None


def _uuid(content: bytes) -> Any:
    from uuid import UUID as made  # noqa: N811, PLC0415  # few need it

    return made(bytes=content)


_MAKERS: Final[dict[int, Callable[[Any], Any]]] = {
    TUPLE: tuple,
    SET: set,
    FROZENSET: frozenset,
    MAPPING: _pairs,
    BYTEARRAY: bytearray,
    COMPLEX: lambda parts: complex(*parts),
    DATETIME: _datetime,
    DATE: date.fromisoformat,
    TIME: _time,
    TIMEDELTA: lambda parts: timedelta(*parts),
    DECIMAL: _decimal,
    UUID: _uuid,
}
