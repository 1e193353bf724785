"""When a child is replaced by a new incarnation although nothing has failed.

The limits stand in its spec. Each incarnation has a little less than them, at random, so that
children that were started together are not replaced together.
"""

from dataclasses import dataclass
from typing import Final

from otpy.core.exits import Recycled
from otpy.core.spec import ChildSpec, Recycle

_UNITS: Final = ((60 * 60, "h"), (60, "min"), (1, "s"))
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class RecyclingLimits:
    """The limits of one incarnation: bytes, seconds and messages; None where there is none."""

    memory: float | None = None
    age: float | None = None
    messages: int | None = None


def is_recycled(spec: ChildSpec) -> bool:
    """Return whether a child has a limit at which it is replaced."""
    return not (spec.max_memory is None and spec.max_age is None and spec.max_messages is None)


def limits_of(spec: ChildSpec, chance: float) -> RecyclingLimits:
    """Return the limits of an incarnation, given a random number from 0 to 1."""
    messages = _drawn(spec.max_messages, chance)
    return RecyclingLimits(
        _drawn(spec.max_memory, chance),
        _drawn(spec.max_age, chance),
        None if messages is None else max(1, int(-(-messages // 1))),
    )


def _drawn(limit: Recycle | None, chance: float) -> float | None:
    return None if limit is None else limit.limit * (1 - limit.jitter * chance)


def memory_reached(spec: ChildSpec) -> Recycled:
    """Return the reason of a child whose memory has reached its limit."""
    assert spec.max_memory is not None
    size = spec.max_memory.limit
    return Recycled(f"memory {size / _MIB:g} MiB" if size >= _MIB else f"memory {size:g} B")


def age_reached(spec: ChildSpec) -> Recycled:
    """Return the reason of a child whose age has reached its limit."""
    assert spec.max_age is not None
    return Recycled(f"age {_duration(spec.max_age.limit)}")


def messages_reached(limit: float) -> Recycled:
    """Return the reason of a server that has handled as many messages as it may."""
    return Recycled(f"messages {limit:.0f}")


def _duration(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


FIRST_PAUSE_S: Final = 0.1
"""Between the start of a child, or two looks at its memory if it grows fast, and the next look."""
LONGEST_PAUSE_S: Final = 10.0


def pause_after(pause: float, used: float, before: float, limit: float) -> float:
    """Return in how many seconds to look again at the memory of a child that is below its limit.

    Twice as long as before; or sooner, so that it is looked at twice more before it reaches its
    limit if it goes on growing as it does.

    Args:
        pause: Between the last look and this one.
        used: Its bytes now.
        before: At the last look.
        limit: Its limit.
    """
    growth = (used - before) / pause
    reached = (limit - used) / growth / 2 if growth > 0 else LONGEST_PAUSE_S
    return max(FIRST_PAUSE_S, min(2 * pause, reached, LONGEST_PAUSE_S))
