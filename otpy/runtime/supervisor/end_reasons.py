"""What a supervisor knows about the end of a child, beside what the child and the kernel say."""

from collections.abc import Mapping
from typing import Final

from otpy.core.exits import (
    ExitReason,
    ExitStatus,
    Killed,
    Normal,
    Raised,
    Recycled,
    Shutdown,
    Stopped,
)
from otpy.core.surroundings import Limit

_MEMORY_ERROR: Final = "MemoryError"
_OF_MEMORY: Final = ("as", "data")


def of_recycled(reason: ExitReason, recycled: Recycled | None, *, overdue: bool) -> ExitReason:
    """Return the reason of a child that was asked to end since it had reached a limit, if it was.

    What it did wrong in its end, an exception or a signal, stays its reason. The exit status of a
    program that was asked to end is nothing wrong.
    """
    if recycled is None:  # only its supervisor says that it was
        return Stopped(str(reason)) if isinstance(reason, Recycled) else reason
    if isinstance(reason, Normal | Shutdown | Recycled | ExitStatus):
        return recycled
    return recycled if overdue and isinstance(reason, Killed) else reason


def with_own_limit(reason: ExitReason, limits: Mapping[str, Limit] | None) -> ExitReason:
    """Return the reason of a child without memory: with its own limit, if it has one."""
    if not limits or not isinstance(reason, Raised) or not reason.error.startswith(_MEMORY_ERROR):
        return reason
    given = [(name, limits[name]) for name in _OF_MEMORY if name in limits]
    if not given:
        return reason
    own = ", ".join([f"{name} {each.soft or each.hard}" for name, each in given])
    return Raised(f"{reason.error} (its own limit: {own})", reason.traceback)
