"""The form of where a child's output is logged."""

from typing import Any, Final

from pydantic_core import PydanticCustomError

from otpy.config.mistakes import did_you_mean, one_of, show
from otpy.config.parsers import Problem, wanted, within
from otpy.config.surrounding_parsers import MAX_LIMIT, bytes_of, path
from otpy.core.log import Log, LogFile, LogFormat, LogTo

PARTS: Final = ("file", "format", "max_size", "keep")
MIN_SIZE: Final = 4096
MAX_KEPT: Final = 1000


def log(value: object) -> Log:
    """Read where output goes: a mapping about a file, null for nowhere, or ``inherit``."""
    if value is None:
        return LogTo.NOWHERE
    if value == LogTo.INHERIT:
        return LogTo.INHERIT
    if not isinstance(value, dict):
        raise wanted("null, inherit or a mapping such as {file: web.log, format: json}")
    problems: list[Problem] = []
    parts: dict[str, Any] = {}
    for key, each in value.items():
        if key not in PARTS:
            expected = f"one of {one_of(PARTS)}{did_you_mean(key, PARTS)}"
            problems.append(((key,), f"got the key {show(key)}, expected {expected}", True))
            continue
        try:
            parts[key] = _part(key, each)
        except PydanticCustomError as error:
            problems.append(((key,), f"got {show(each)}, expected {error.message()}", False))
    if problems:
        raise within(problems)
    return LogFile(**parts)


def _part(key: str, value: object) -> object:
    match key:
        case "file":
            return path(value)
        case "format":
            return _format(value)
        case "max_size":
            return _max_size(value)
        case _:
            return _keep(value)


def _format(value: object) -> LogFormat:
    if isinstance(value, str) and value in list(LogFormat):
        return LogFormat(value)
    raise wanted(one_of(list(LogFormat)))


def _max_size(value: object) -> int:
    size = None if isinstance(value, bool) else bytes_of(value)
    if size is None or not MIN_SIZE <= size <= MAX_LIMIT:
        raise wanted("a size of 4KiB or more, in bytes or such as 512KiB or 10MiB")
    return size


def _keep(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_KEPT:
        return value
    raise wanted(f"an integer from 0 to {MAX_KEPT}")
