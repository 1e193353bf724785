"""What is stored in the place of an attribute that is a table: the types of its keys and rows."""

import sys
from importlib import import_module
from typing import Any, Final

import msgspec

from otpy.durable.value_codec import CannotStore

_MARK: Final = b"\xc1"
"""A byte that begins no value in MessagePack."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[str | None, str | None]).decode


def table_mark(key: Any, row: Any) -> bytes:
    """Return the stored form of a table with these types; None for those that anything is.

    Raises:
        CannotStore: A type is not a class that can be found again by its name.
    """
    return _MARK + _encode((_name(key), _name(row)))


def is_table(data: bytes) -> bool:
    """Return whether this is stored in the place of a table."""
    return data[:1] == _MARK


def types_of(data: bytes) -> tuple[Any, Any]:
    """Return the types of a stored table.

    Raises:
        CannotStore: They cannot be found.
    """
    try:
        key, row = _decode(data[1:])
    except ValueError as error:
        raise CannotStore(f"no table: {error}") from None
    return _type(key), _type(row)


def _name(kind: Any) -> str | None:
    if kind is None:
        return None
    name = f"{getattr(kind, '__module__', '')}:{getattr(kind, '__qualname__', '')}"
    try:
        if isinstance(kind, type) and _type(name) is kind:
            return name
    except CannotStore:
        pass
    raise CannotStore(
        f"{kind} cannot be found by its name after a restart; annotate the attribute, "
        "for example `accounts: otpy.Table[str, Account]`"
    )


def _type(name: str | None) -> Any:
    if name is None:
        return None
    module, _, path = name.partition(":")
    try:
        found: Any = sys.modules.get(module) or import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise CannotStore(f"the type {name} of a table cannot be found: {error}") from None
    return found
