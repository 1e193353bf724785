"""The forms of the limits at which a child is replaced: a value, or a mapping with a jitter."""

from collections.abc import Callable
from typing import Any, Final

from pydantic_core import PydanticCustomError

from otpy.config.mistakes import show
from otpy.config.parsers import MAX_NUMBER, seconds_above_zero, share, wanted
from otpy.config.surrounding_parsers import MAX_LIMIT, bytes_of
from otpy.core.spec import Recycle

_JITTER: Final = "jitter"
_LIMIT: Final = "limit"


def max_memory(value: object) -> Recycle:
    """Read how much memory a child may have."""
    return _limit(value, _size)


def max_age(value: object) -> Recycle:
    """Read how old a child may be."""
    return _limit(value, seconds_above_zero)


def max_messages(value: object) -> Recycle:
    """Read how many messages a server may handle."""
    return _limit(value, _count)


def _limit(value: object, read: Callable[[object], float]) -> Recycle:
    if not isinstance(value, dict):
        return Recycle(read(value))
    if _LIMIT not in value or not value.keys() <= {_LIMIT, _JITTER}:
        raise wanted("a value, or a mapping such as {limit: ..., jitter: 0.1}")
    readers: dict[str, Callable[[object], float]] = {_LIMIT: read, _JITTER: share}
    return Recycle(**{key: _part(key, each, readers[key]) for key, each in value.items()})


def _part(key: str, value: Any, read: Callable[[object], float]) -> float:
    try:
        return read(value)
    except PydanticCustomError as error:
        raise wanted(f"{error.message()} as {key}, not {show(value)}") from None


def _size(value: object) -> int:
    size = bytes_of(value)
    if size is None or not 1 <= size <= MAX_LIMIT:
        raise wanted("a size in bytes, or such as 512MiB or 1GiB")
    return size


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_NUMBER:
        return value
    raise wanted(f"an integer from 1 to {MAX_NUMBER}")
