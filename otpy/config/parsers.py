"""Parse the fields that pydantic has no type for: names, durations, targets, commands.

Each parser returns the value or raises `PydanticCustomError` saying what was expected.
"""

import re
import signal

from pydantic_core import PydanticCustomError

from otpy.config.mistakes import did_you_mean, one_of
from otpy.core.spec import Durability, NoBudget, OnGiveUp, ShutdownBudget

MAX_NAME = 100
MAX_NUMBER = 1_000_000_000
"""Of restarts, and of seconds: thirty years."""

MAX_INSTANCES = 10_000
MAX_SPARE = 100
"""Of one child; each is a process."""

MAX_FACTOR = 1000
"""Of a backoff."""

SECONDS_PER = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

NAME_PATTERN = r"^(?![-@]|\.\.?$)[^\s/\u0000-\u001f\u007f-\u009f]{1,100}$"
DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"
TARGET_PATTERN = r"^\S+:\S+$|\$\{"

SIGNAL_PATTERN = r"^(SIG)?[A-Z][A-Z0-9+-]*$"
MAX_SIGNAL = signal.NSIG - 1

_DURATION = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)(ms|s|m|h)")

A_DURATION = "seconds, 0 or more, or a duration such as 250ms, 5s, 2m or 1h"
A_TARGET = "module:attribute, such as shop.cart:Cart"


def wanted(expected: str) -> PydanticCustomError:
    """Return the error of a value that is not the `expected` one."""
    return PydanticCustomError("wanted", "{expected}", {"expected": expected})


Problem = tuple[tuple[object, ...], str, bool]
"""Where in the value, what is wrong with it, and whether with the key that leads there."""


def within(problems: list[Problem]) -> PydanticCustomError:
    """Return the error of a value in which each of these is wrong."""
    return PydanticCustomError("within", "{problems}", {"problems": problems})


def name(text: str) -> str:
    """Check an id or a node's name: it becomes a process title, a path and a word of commands."""
    if not text:
        raise wanted("a name that is not empty")
    if len(text) > MAX_NAME:
        raise wanted(f"a name of at most {MAX_NAME} characters")
    if text.startswith("-"):
        raise wanted("a name that does not start with '-'")
    if text.startswith("@"):
        # @gateway and the like are otpy's own.
        raise wanted("a name that does not start with '@'")
    if text in (".", ".."):
        # A node's name is a folder's, an id is a step of a path.
        raise wanted("a name that is not '.' or '..'")
    if "/" in text or any(c.isspace() or not c.isprintable() for c in text):
        raise wanted("a name without '/', white space and control characters")
    return text


def target(text: str) -> str:
    """Check ``module:attribute``; both sides may be dotted."""
    module, colon, attribute = text.partition(":")
    if colon and module == "__main__":
        raise wanted("a module that others can import: put it in a file, and not in the program")
    if colon and _is_dotted(module) and _is_dotted(attribute):
        return text
    module, dot, attribute = text.rpartition(".")
    if dot and _is_dotted(module) and _is_dotted(attribute):
        raise wanted(f"{A_TARGET}; did you mean '{module}:{attribute}'?")
    raise wanted(A_TARGET)


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def program_word(text: str) -> str:
    """Check one word of a command: no operating system takes a NUL in it."""
    if "\0" in text:
        raise wanted("a word without the NUL character")
    return text


def program(words: list[str]) -> list[str]:
    """Check that a command names a program."""
    if not words or not words[0]:
        raise wanted("a list such as [caddy, run] that starts with a program")
    return words


def flag(value: object) -> bool:
    """Check a bool: YAML reads yes and on as one, a number is none."""
    if isinstance(value, bool):
        return value
    raise wanted("true or false")


def max_children(value: object) -> int | None:
    """Read how many children are allowed: a number, or None for ``infinity``."""
    if value == NoBudget.INFINITY:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER:
        return value
    raise wanted(f"an integer from 0 to {MAX_NUMBER}, or infinity")


def max_restarts(value: object) -> int | None:
    """Read how many restarts are allowed: a number, or None for ``infinity``."""
    return max_children(value)


def on_give_up(value: object) -> OnGiveUp:
    """Read what follows when a child is over its own limits."""
    if isinstance(value, str) and value in list(OnGiveUp):
        return OnGiveUp(value)
    raise wanted(f"{one_of(OnGiveUp)}{did_you_mean(value, OnGiveUp)}")


def durable(value: object) -> Durability:
    """Read what a commit of a server's state survives; ``true`` is the death of its process."""
    if isinstance(value, bool):
        return Durability.PROCESS if value else Durability.OFF
    if isinstance(value, str) and value in list(Durability):
        return Durability(value)
    raise wanted(f"true, false, process or disk{did_you_mean(value, Durability)}")


def backoff(value: object) -> object:
    """Read the short forms of a backoff: ``true`` is the usual one, ``false`` is none."""
    if isinstance(value, bool):
        return {} if value else {"initial": 0}
    if not isinstance(value, dict):
        raise wanted("true, false or a mapping such as {initial: 100ms, max: 30s}")
    return value


def factor(value: object) -> float:
    """Read by which each wait is longer than the one before."""
    return _number_between(value, 1, MAX_FACTOR)


def share(value: object) -> float:
    """Read a part of a whole."""
    return _number_between(value, 0, 1)


def _number_between(value: object, low: int, high: int) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise wanted(f"a number from {low} to {high}")


def instances(value: object) -> int:
    """Read how many instances there are."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_INSTANCES:
        return value
    raise wanted(f"an integer from 1 to {MAX_INSTANCES}")


def spare(value: object) -> int:
    """Read how many processes are forked ahead."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SPARE:
        return value
    raise wanted(f"an integer from 0 to {MAX_SPARE}")


def seconds(value: object) -> float:
    """Read a duration: a number of seconds, or text with a unit."""
    number = _number(value)
    if not number >= 0:  # nan is neither
        raise wanted(A_DURATION)
    if number > MAX_NUMBER:
        raise wanted(f"at most {MAX_NUMBER} s")
    return float(number)


def _number(value: object) -> float:
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        return float(found[1]) * SECONDS_PER[found[2]]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise wanted(A_DURATION)


def seconds_above_zero(value: object) -> float:
    """Read a duration that is not 0."""
    if (duration := seconds(value)) == 0:
        raise wanted("more than 0 s")
    return duration


def start_timeout(value: object) -> float | None:
    """Read the time that a child has to become ready; None for ``infinity``."""
    if value == NoBudget.INFINITY:
        return None
    try:
        return seconds_above_zero(value)
    except PydanticCustomError as error:
        near = did_you_mean(value, (NoBudget.INFINITY,))
        raise wanted(f"{error.message()}; or infinity{near}") from None


def shutdown_budget(value: object) -> ShutdownBudget:
    """Read the time that a child has to end: a duration or one of two words."""
    if isinstance(value, str) and value in list(NoBudget):
        return NoBudget(value)
    try:
        return seconds(value)
    except PydanticCustomError as error:
        near = did_you_mean(value, NoBudget)
        raise wanted(f"{error.message()}; or brutal_kill or infinity{near}") from None


_SIGNALS = {each.name.removeprefix("SIG"): int(each) for each in signal.Signals}
_NO_STOP = {"KILL", "STOP", "CONT"}


def stop_signal(value: object) -> str:
    """Read a signal that asks a process to stop: its name, with or without SIG, or its number."""
    name = value.removeprefix("SIG") if isinstance(value, str) else _signal_name(value)
    if name in _NO_STOP:
        instead = "; shutdown: brutal_kill kills at once" if name == "KILL" else ""
        raise wanted(f"a signal that a process can handle to stop, such as TERM or QUIT{instead}")
    if name not in _SIGNALS:
        near = did_you_mean(name, _SIGNALS)
        raise wanted(f"the name of a signal, such as TERM or QUIT, or its number{near}")
    return name


def _signal_name(number: object) -> str:
    if isinstance(number, bool):
        return ""
    return next((name for name, each in _SIGNALS.items() if each == number), "")


def arguments(value: object) -> list[object] | dict[str, object]:
    """Check positional arguments, a list, or keyword arguments, a mapping."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise wanted("a list of positional or a mapping of keyword arguments")
    if not all(isinstance(key, str) for key in value):
        raise wanted("keyword arguments whose names are all strings")
    return value
