"""The forms of what a process starts in: its environment, directory, user and limits."""

import re
import resource
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from pydantic_core import PydanticCustomError

from otpy.config.mistakes import did_you_mean, one_of, quotes_help, show
from otpy.config.parsers import DURATION_PATTERN, MAX_NUMBER, Problem, seconds, wanted, within
from otpy.core.spec import INFINITY
from otpy.core.surroundings import Limit
from otpy.system.marks import VARIABLE

CPUS_PATTERN: Final = r"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"
UMASK_PATTERN: Final = r"^(0o?)?[0-7]{1,3}$"
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SIZE_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(B|[kKMGT]i?B?)$"
MAX_CPU: Final = 8191
MAX_ID: Final = (1 << 32) - 2
MAX_LIMIT: Final = (1 << 63) - 1

RESOURCES: Final = sorted(
    name.removeprefix("RLIMIT_").lower()
    for name in dir(resource)
    if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"  # an old name of NOFILE
)
_OF_BYTES: Final = {"as", "core", "data", "fsize", "memlock", "msgqueue", "rss", "stack"}
_OF_TIME: Final = {"cpu": 1, "rttime": 1_000_000}
"""How many of its units a second has."""

_SIZE: Final = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([kKMGT]?)(i?)B?")
_POWERS: Final = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def _each(
    items: Iterable[tuple[object, Any]], read: Callable[[Any, Any], Any]
) -> Iterator[tuple[Any, Any]]:
    """Read every item; tell of all that are wrong."""
    problems: list[Problem] = []
    for key, value in items:
        try:
            yield key, read(key, value)
        except PydanticCustomError as error:
            problems.append(((key,), f"got {show(value)}, expected {error.message()}", False))
        except _WrongKey as error:
            problems.append(((key,), f"got the key {show(key)}, expected {error}", True))
    if problems:
        raise within(problems)


class _WrongKey(Exception):
    """A key is not what the text says."""


def environment(value: object) -> dict[str, str | None]:
    """Read variables: names to values, or to null for one that is removed."""
    if not isinstance(value, dict):
        raise wanted("a mapping of names to values, such as {PORT: '8080'}")
    return dict(_each(value.items(), _variable))


def _variable(name: object, value: object) -> str | None:
    if why := _wrong_name(name):
        raise _WrongKey(why)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wanted(f"a string{quotes_help(value)}, or null to remove the name")
    if "\0" in value:
        raise wanted("a value without the NUL character")
    return value


def _wrong_name(name: object) -> str:
    """Return what was expected of a variable's name; empty if it is one."""
    if not isinstance(name, str):
        return f"a string{quotes_help(name)}"
    if not name or "=" in name or "\0" in name:
        return "a name that is not empty, without '=' and the NUL character"
    return f"another: {VARIABLE} is otpy's own" if name == VARIABLE else ""


def inherited(value: object) -> bool | tuple[str, ...]:
    """Read what is taken of the node's environment: all, nothing, or a list of names."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, list | tuple):
        raise wanted("true, false or a list of names")
    return tuple([name for _, name in _each(enumerate(value), _inherited_name)])


def _inherited_name(_index: object, name: object) -> str:
    if why := _wrong_name(name):
        raise wanted(why)
    return str(name)


def path(value: object) -> str:
    """Read a path."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise wanted("a path, absolute or relative to the tree's file")
    return value


def optional_path(value: object) -> str | None:
    """Read a path, or null for none."""
    return None if value is None else path(value)


def paths(value: object) -> tuple[str, ...]:
    """Read one path of an environment file, or a list of them."""
    if not isinstance(value, list | tuple):
        return (_file(0, value),)
    return tuple([file for _, file in _each(enumerate(value), _file)])


def _file(_index: object, value: object) -> str:
    if path(value) == "?":
        raise wanted("a path before the '?'")
    return str(value)


def account(value: object) -> int | str:
    """Read a user or a group, by name or number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID:
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise wanted(f"a name, or a number from 0 to {MAX_ID}")
    return int(value) if value.isascii() and value.isdigit() and int(value) <= MAX_ID else value


def umask(value: object) -> str:
    """Read a umask in octal."""
    if isinstance(value, str) and re.fullmatch(UMASK_PATTERN, value):
        return value
    raise wanted(f'an octal number as a string, such as "022"{quotes_help(value)}')


def nice(value: object) -> int:
    """Read a nice value."""
    if isinstance(value, int) and not isinstance(value, bool) and -20 <= value <= 19:
        return value
    raise wanted("an integer from -20 to 19")


def cpus(value: object) -> tuple[int, ...]:
    """Read numbers of CPUs: a number, a list, or ranges such as ``0-3,8``."""
    found: set[int] = set()
    if isinstance(value, list | tuple):
        found = {number for _, number in _each(enumerate(value), _cpu)}
    elif isinstance(value, str) and re.fullmatch(CPUS_PATTERN, value):
        for part in value.split(","):
            first, _, last = part.partition("-")
            if len(part) > 9 or int(last or first) > MAX_CPU or int(first) > int(last or first):
                raise wanted(f"ranges of CPUs from 0 to {MAX_CPU}, such as 0-3,8")
            found.update(range(int(first), int(last or first) + 1))
    else:
        found = {_cpu(0, value)}
    if not found:
        raise wanted("at least one CPU")
    return tuple(sorted(found))


def _cpu(_index: object, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_CPU:
        return value
    raise wanted("CPUs: a list of their numbers, or ranges such as 0-3,8")


def limits(value: object) -> dict[str, Limit]:
    """Read resource limits by their names."""
    if not isinstance(value, dict):
        raise wanted("a mapping of resources to limits, such as {nofile: 4096}")
    return dict(_each(value.items(), _limit))


def _limit(name: object, value: object) -> Limit:
    if name not in RESOURCES:
        raise _WrongKey(f"one of {one_of(RESOURCES)}{did_you_mean(name, RESOURCES)}")
    assert isinstance(name, str)
    if not isinstance(value, dict):
        both = _amount(name, value)
        return Limit(both, both)
    if not value or not value.keys() <= {"soft", "hard"}:
        raise wanted(f"{_an_amount(name)}, or a mapping of soft and hard to such")
    found = Limit(**{key: _part_of_limit(name, key, each) for key, each in value.items()})
    if found.soft is not None and _order(found.soft) > _order(found.hard):
        raise wanted("a soft limit that is not above the hard one")
    return found


def _part_of_limit(name: str, key: str, value: object) -> int | str:
    try:
        return _amount(name, value)
    except PydanticCustomError as error:
        text = f"{error.message()} as {key}, not {show(value)}"
        raise wanted(text) from None


def _order(amount: int | str | None) -> float:
    return float("inf") if amount is None or isinstance(amount, str) else amount


def _amount(name: str, value: object) -> int | str:
    if value == INFINITY:
        return str(INFINITY)
    if (number := _number(name, value)) is None or not 0 <= number <= MAX_LIMIT:
        raise wanted(_an_amount(name))
    return number


def _number(name: str, value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    if name in _OF_TIME and re.fullmatch(DURATION_PATTERN, value):
        return round(seconds(value) * _OF_TIME[name])
    return bytes_of(value) if name in _OF_BYTES else None


def bytes_of(value: object) -> int | None:
    """Read a size: a number of bytes, or text with a unit; None if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or (found := _SIZE.fullmatch(value)) is None:
        return None
    base = 1000 if found[2] and not found[3] and value.endswith("B") else 1024
    return round(float(found[1]) * float(base ** _POWERS[found[2]]))


def _an_amount(name: str) -> str:
    if name in _OF_TIME:
        return f"a duration of at most {MAX_NUMBER} s such as 60s, or infinity"
    if name in _OF_BYTES:
        return "a size in bytes or such as 512KiB, 64MiB or 1GiB, or infinity"
    return "an integer, 0 or more, or infinity"


def log_level(value: object) -> int | str:
    """Read a level of `logging`: a name, or a number of 0 or more."""
    if isinstance(value, str) and value.upper() in LOG_LEVELS:
        return value.upper()
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER:
        return value
    raise wanted(f"{one_of(LOG_LEVELS)}, or a number of 0 or more")
