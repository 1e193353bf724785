"""The results of GenServer callbacks besides a reply; names as in OTP."""

from dataclasses import dataclass
from typing import Final, TypeAlias


class _Marker:
    """A constant with a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


Ignore: Final = _Marker("Ignore")
"""From `init`: the process is not needed now. Its supervisor goes on without it."""

NoReply: Final = _Marker("NoReply")
"""From `handle_call`: the answer comes later, by ``caller.reply(value)``."""


@dataclass(frozen=True, slots=True)
class Continue:
    """Run ``handle_continue(argument)`` before any other message."""

    argument: object = None


@dataclass(frozen=True, slots=True)
class Timeout:
    """Send ``"timeout"`` to `handle_info` if no message arrives within `seconds`."""

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds >= 0:
            raise ValueError(f"Timeout is seconds from zero on, got {self.seconds!r}")


@dataclass(frozen=True, slots=True)
class Stop:
    """End the process: `terminate` runs, then it exits.

    Attributes:
        reason: ``"normal"``, ``"shutdown"`` and ``("shutdown", detail)`` are clean; anything
            else is abnormal.
        reply: From `handle_call`: answered after `terminate` has run. Without one, the caller
            gets `ProcessDown` with the reason.
    """

    reason: object = "normal"
    reply: object = NoReply


Then: TypeAlias = Continue | Timeout | Stop


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer `value`, and go on with `then`."""

    value: object
    then: Then | None = None
