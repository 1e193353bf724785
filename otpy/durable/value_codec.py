"""The form in which a value of an attribute, a row or a message is stored.

A value with a type is what `msgspec` makes of it, and is read strictly as that type. One without is
stored as messages are: each arrives as what it was.
"""

import types
from collections.abc import Callable
from typing import Any, Final

import msgspec

from otpy.errors import NotSendable
from otpy.wire.codec import pack_value, unpack

_encode: Final = msgspec.msgpack.Encoder().encode
_SIMPLE: Final = frozenset({int, str, bool, float, bytes})

Encode = Callable[[Any], bytes]


class CannotStore(Exception):
    """A value cannot be stored; the text says why."""


class ValueCodec:
    """Encodes and decodes the values of one type.

    Args:
        kind: The type; None for any that messages carry.

    Attributes:
        encode: Returns the stored form of a value.

    Raises:
        CannotStore: No value of this type can be stored.
    """

    __slots__ = ("_decode", "_kind", "encode")

    def __init__(self, kind: Any = None) -> None:
        self._kind = kind
        self._decode: Callable[[bytes], Any] = unpack
        self.encode: Encode = _encode_any
        if kind is not None and kind is not Any:
            try:
                self._decode = msgspec.msgpack.Decoder(kind).decode
            except TypeError as error:
                raise CannotStore(str(error)) from None
            self.encode = self._encode_typed

    def decode(self, data: bytes) -> Any:
        """Return the value.

        Raises:
            CannotStore: It is none of this type.
        """
        try:
            return self._decode(data)
        except (ValueError, TypeError, NotSendable) as error:
            raise CannotStore(f"it is no {_name(self._kind)}: {error}") from None

    def _encode_typed(self, value: Any) -> bytes:
        try:
            data = _encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise CannotStore(f"{type(value).__qualname__}: {error}") from None
        if type(value) is not self._kind or type(value) not in _SIMPLE:
            self._check(value, data)
        return data

    def _check(self, value: Any, data: bytes) -> None:
        """Look whether the same value will be read: what is stored is never to be lost."""
        try:
            read = self._decode(data)
        except (ValueError, TypeError) as error:
            text = f"{type(value).__qualname__}, which is no {_name(self._kind)}: {error}"
            raise CannotStore(text) from None
        # NaN is not equal to itself, nor is an object of a class without `__eq__`.
        if read != value and repr(read) != repr(value):
            kind, expected = type(value).__qualname__, _name(self._kind)
            raise CannotStore(f"{kind}: only what {expected} has of it would be stored")


def _encode_any(value: Any) -> bytes:
    try:
        return pack_value(value)
    except NotSendable as error:
        advice = " (annotate the attribute with its type to store dataclasses, Structs and enums)"
        raise CannotStore(f"{type(value).__qualname__}: {error}{advice}") from None


def _name(kind: Any) -> str:
    return getattr(kind, "__qualname__", None) or str(kind)


def is_frozen(value: object) -> bool:
    """Return whether a value is one that cannot change: the same object is the same value."""
    return type(value) in _FROZEN


_FROZEN: Final = frozenset({int, str, bytes, float, bool, types.NoneType})
