"""Records as MessagePack, by the types that they declare: nothing but these classes is ever made.

A record is a dataclass, a named tuple, an array-like struct of msgspec's or an error of
`otpy.errors`. It is written as an array: its class's name, then its fields. What is read is checked
against the declared types, field by field, so that its writer can make the reader build a
wrong value of no kind. Values whose type is declared as `object` are the user's: they arrive as
what they are; see `otpy.wire.values`.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from otpy import errors
from otpy.errors import OtpyError, ProtocolError
from otpy.wire.codec import pack, unpack
from otpy.wire.values import carried

_SCALARS: Final = (bool, int, float, str, bytes, NoneType)

_unresolved: Final[list[Callable[[], object]]] = []
"""Functions that find the fields of new plans; called with every codec, before any fork."""


class Plan(NamedTuple):
    """Converts values of one declared type to plain data and back."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


class RecordCodec:
    """Writes and reads the records of one union.

    Args:
        union: Of the record classes that may come; each is distinguished by its name.
    """

    def __init__(self, union: object) -> None:
        self._plan = plan_of(union)
        while _unresolved:
            _unresolved.pop()()

    def encode(self, record: object, count: int = 0) -> bytes:
        """Write a record and a number beside it.

        Raises:
            NotSendable: It holds a value of the user's that MessagePack cannot carry.
        """
        return pack([count, self._plan.write(record)])

    def decode(self, body: bytes | bytearray) -> tuple[int, Any]:
        """Read what `encode` wrote: the number and the record.

        Raises:
            ProtocolError: It is none of the union.
        """
        match unpack(body):
            case [int(count), record]:
                return count, self._plan.read(record)
        raise ProtocolError("no record")


def _same(value: Any) -> Any:
    return value


def _carried(value: Any) -> Any:
    return carried(value, unknown=_same)


@cache
def plan_of(declared: Any) -> Plan:
    """Return the plan of a declared type."""
    match get_origin(declared):
        case None:
            return _plan_of_class(declared)
        case origin if origin in (Union, UnionType):
            return _Union(get_args(declared)).plan
        case origin if origin is tuple:
            return _tuple(get_args(declared))
        case _:
            return _dict(*get_args(declared))


def _plan_of_class(kind: Any) -> Plan:
    if kind in (object, Any):
        return Plan(_carried, _same)
    if kind in _SCALARS:
        return Plan(_same, _checked(kind))
    if issubclass(kind, Enum):
        return Plan(lambda member: member.value, _built(kind, kind))
    if issubclass(kind, OtpyError):
        return Plan(_write_error, _read_error)
    if issubclass(kind, msgspec.Struct) and not _has_name(kind):
        return Plan(msgspec.to_builtins, _built(kind, lambda data: msgspec.convert(data, kind)))
    return _record(kind)


def _checked(kind: type) -> Callable[[Any], Any]:
    def read(data: Any) -> Any:
        if type(data) is kind or (kind is float and type(data) is int):
            return data
        raise ProtocolError(f"expected {kind.__name__}, got {data!r:.60}")

    return read


def _built(kind: type, build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(data: Any) -> Any:
        try:
            return build(data)
        except (ValueError, TypeError, msgspec.ValidationError) as error:
            raise ProtocolError(f"no {kind.__name__}: {error!s:.100}") from None

    return read


def _tuple(items: tuple[Any, ...]) -> Plan:
    if items[-1:] == (...,):
        each = plan_of(items[0])
        return Plan(
            lambda values: [each.write(value) for value in values],
            # Not of a generator: that tuple is cut to its length, and CPython keeps up to 2,000
            # such of each length when they are gone, for tuples that are made of their length.
            lambda data: tuple([each.read(value) for value in _checked(list)(data)]),
        )
    plans = [plan_of(item) for item in items]

    def read(data: Any) -> Any:
        if type(data) is not list or len(data) != len(plans):
            raise ProtocolError(f"expected {len(plans)} values, got {data!r:.60}")
        return tuple([plan.read(value) for plan, value in zip(plans, data, strict=True)])

    return Plan(lambda v: [p.write(x) for p, x in zip(plans, v, strict=True)], read)


def _dict(key: Any, value: Any) -> Plan:
    keys, values = plan_of(key), plan_of(value)
    return Plan(
        lambda mapping: {keys.write(k): values.write(v) for k, v in mapping.items()},
        lambda data: {keys.read(k): values.read(v) for k, v in _checked(dict)(data).items()},
    )


def _record(kind: Any) -> Plan:
    # Not here: records may hold records of their own class.
    fields = cache(lambda: _fields(kind))
    _unresolved.append(fields)
    build = _built(kind, _maker(kind))

    def write(record: Any) -> list[Any]:
        plans = fields()
        return [kind.__name__, *(plan.write(getattr(record, name)) for name, plan in plans)]

    def read(data: Any) -> Any:
        plans = fields()
        if type(data) is not list or data[:1] != [kind.__name__] or len(data) != len(plans) + 1:
            raise ProtocolError(f"expected a {kind.__name__}, got {data!r:.60}")
        values = [plan.read(value) for (_, plan), value in zip(plans, data[1:], strict=True)]
        return build(values)

    return Plan(write, read)


def _maker(kind: Any) -> Callable[[Any], Any]:
    """Return what makes a record of the values of its fields, in their order."""
    names = _field_names(kind)
    if any(each.kw_only for each in getattr(kind, "__dataclass_fields__", {}).values()):
        return lambda values: kind(**dict(zip(names, values, strict=True)))
    return lambda values: kind(*values)


def _fields(kind: Any) -> list[tuple[str, Plan]]:
    hints = get_type_hints(kind)
    return [(name, plan_of(hints[name])) for name in _field_names(kind)]


def _field_names(kind: Any) -> Sequence[str]:
    if issubclass(kind, tuple):
        return cast(Sequence[str], kind._fields)
    if issubclass(kind, msgspec.Struct):
        return cast(Sequence[str], kind.__struct_fields__)
    return [field.name for field in dataclasses.fields(kind)]


class _Union:
    """A union: records are distinguished by their names, everything else by its type."""

    def __init__(self, members: tuple[Any, ...]) -> None:
        self._by_type = {kind: plan_of(kind) for each in members for kind in _kinds_of(each)}
        self._by_name = {k.__name__: plan for k, plan in self._by_type.items() if _has_name(k)}
        self._others = [plan for kind, plan in self._by_type.items() if not _has_name(kind)]
        self.plan = Plan(self._write, self._read)

    def _write(self, value: Any) -> Any:
        if (plan := self._by_type.get(type(value))) is not None:
            return plan.write(value)
        if isinstance(value, OtpyError):
            return _write_error(value)
        return self._others[0].write(value)

    def _read(self, data: Any) -> Any:
        if (plan := self._by_name.get(_name_in(data))) is not None:
            return plan.read(data)
        for plan in self._others:
            with contextlib.suppress(ProtocolError):
                return plan.read(data)
        raise ProtocolError(f"none of its kinds: {data!r:.60}")


def _kinds_of(member: Any) -> Iterable[Any]:
    """Return the classes that a member of a union stands for: it may be a table of them."""
    kinds = vars(member).get("kinds") if isinstance(member, type) else None
    return (member,) if kinds is None else kinds.values()


def _has_name(kind: Any) -> bool:
    """Return whether values of a type are written with the name of their class before them."""
    if not isinstance(kind, type):
        return False
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_config__.array_like
    return (issubclass(kind, tuple) and hasattr(kind, "_fields")) or dataclasses.is_dataclass(kind)


def _name_in(data: Any) -> str:
    """Return the name before a record's fields; "" if there is none."""
    named = type(data) is list and data and type(data[0]) is str
    return data[0] if named else ""


def _write_error(error: OtpyError) -> list[Any]:
    kind = type(error)
    if vars(errors).get(kind.__name__) is not kind:  # of the user's: as what it stands for
        kind = next(base for base in kind.__mro__ if vars(errors).get(base.__name__) is base)
    return [kind.__name__, *error.args]


def _read_error(data: Any) -> OtpyError:
    kind = vars(errors).get(_name_in(data))
    if isinstance(kind, type) and issubclass(kind, OtpyError):
        error: OtpyError = _built(kind, lambda args: kind(*args))(data[1:])
        return error
    raise ProtocolError(f"expected an error, got {data!r:.60}")
