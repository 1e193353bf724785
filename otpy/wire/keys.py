"""Keys as bytes: equal keys are the same bytes, in whatever order their parts stand."""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from otpy.errors import NotSendable
from otpy.wire.codec import pack, pack_value
from otpy.wire.nesting import MAX_NESTING

_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1


def key_bytes(key: object) -> bytes:
    """Return the bytes that stand for a key.

    Equal are those that Python says are, for numbers, texts, bytes and None, and for mappings,
    sets and sequences of such; a list and a tuple of the same parts are one key, too.

    Raises:
        NotSendable: It holds what cannot be sent, or is nested too deep.
    """
    return pack(_canonical(key, 0))


def _canonical(key: Any, depth: int) -> Any:
    """Return the canonical form of a key, of types that MessagePack has one way to write.

    What is no text and no number has a word before it, so that it equals nothing else.
    """
    if depth > MAX_NESTING:
        raise NotSendable(f"cannot send a key: nested over {MAX_NESTING} deep")
    return _WAYS.get(type(key), _other)(key, depth + 1)


def _same(key: Any, _depth: int) -> Any:
    return key


def _integer(key: int, _depth: int) -> Any:
    return int(key) if _SMALLEST <= key <= _LARGEST else ["integer", hex(key)]


def _float(key: float, depth: int) -> Any:
    return _integer(int(key), depth) if math.isfinite(key) and key == int(key) else key


def _sequence(key: Iterable[Any], depth: int) -> Any:
    return ["list", *(_canonical(each, depth) for each in key)]


def _set(key: Iterable[Any], depth: int) -> Any:
    return ["set", *sorted(pack(_canonical(each, depth)) for each in key)]


def _mapping(key: dict[Any, Any], depth: int) -> Any:
    pairs = ([_canonical(part, depth) for part in item] for item in key.items())
    return ["mapping", *sorted(map(pack, pairs))]


def _other(key: Any, _depth: int) -> Any:
    if type(key) is datetime and key.utcoffset() is not None:
        key = key.astimezone(UTC)  # two zones' words for one moment are equal
    return ["value", pack_value(key)]


_WAYS: Final[dict[type, Callable[[Any, int], Any]]] = {
    type(None): _same,
    str: _same,
    bytes: _same,
    bool: _integer,
    int: _integer,
    float: _float,
    list: _sequence,
    tuple: _sequence,
    set: _set,
    frozenset: _set,
    dict: _mapping,
}
