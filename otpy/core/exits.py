"""The exit reasons, and which of them are clean.

The words are those of docs/reference/exit-reasons.md. OTP's rule (supervisor.erl,
``do_restart``): `normal`, `shutdown` and `{shutdown, Detail}` are clean, everything else is
abnormal, `killed` included.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Normal:
    """It was done: the function returned, the command exited 0, or ``Stop("normal")``."""

    def __str__(self) -> str:
        return "normal"


@dataclass(frozen=True, slots=True)
class Shutdown:
    """It was asked to by its supervisor or the operator, or stopped with that reason."""

    detail: str = ""

    def __str__(self) -> str:
        return f"shutdown: {self.detail}" if self.detail else "shutdown"


@dataclass(frozen=True, slots=True)
class IntensityReached(Shutdown):
    """A supervisor gave up: its `child` failed too often, at last with `reason`.

    For everyone but its own supervisor it is the `shutdown` that it is in OTP.
    """

    child: str = ""
    reason: "ExitReason" = Normal()


@dataclass(frozen=True, slots=True)
class Killed:
    """SIGKILL ended it."""

    def __str__(self) -> str:
        return "killed"


@dataclass(frozen=True, slots=True)
class Signaled:
    """Another signal ended it; `name` is the signal's, for example ``SIGSEGV``."""

    name: str

    def __str__(self) -> str:
        return f"signal: {self.name}"


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """It called exit with a `code` that is not 0, or with a text: `detail`."""

    code: int
    detail: str = ""

    def __str__(self) -> str:
        return f"exit: {self.code}: {self.detail}" if self.detail else f"exit: {self.code}"


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception ended it; `error` is ``Type: message``."""

    error: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"error: {self.error}"


@dataclass(frozen=True, slots=True)
class Stopped:
    """It stopped itself with a reason of its own."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The kernel's OOM killer ended it."""

    def __str__(self) -> str:
        return "killed: out of memory"


@dataclass(frozen=True, slots=True)
class Hung:
    """Its supervisor killed it, since it gave no sign of life for as long as its `watchdog`."""

    def __str__(self) -> str:
        return "hung"


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """Its supervisor killed it, since its `health` probe had failed, last with `detail`."""

    detail: str

    def __str__(self) -> str:
        return f"unhealthy: {self.detail}"


@dataclass(frozen=True, slots=True)
class Recycled:
    """Its supervisor replaces it, since it has reached a limit: `detail`, ``age 1 h``."""

    detail: str

    def __str__(self) -> str:
        return f"recycled: {self.detail}"


@dataclass(frozen=True, slots=True)
class NotPermitted:
    """Its supervisor gave it up, since it may not kill it: a set-uid program that runs on."""

    pid: int

    def __str__(self) -> str:
        return f"given up: to kill it is not permitted, and process {self.pid} runs on"


@dataclass(frozen=True, slots=True)
class StartTimeout:
    """It was not ready within its `start_timeout`; `waited_for` says what was missing."""

    waited_for: str = ""

    def __str__(self) -> str:
        return "start timeout"


@dataclass(frozen=True, slots=True)
class EndedUnready:
    """It ended in order before it was ready: that is no start."""

    def __str__(self) -> str:
        return "ended before it was ready"


@dataclass(frozen=True, slots=True)
class FailedToStartChild:
    """A supervisor's `child` could not be started, so the supervisor could not either."""

    child: str
    reason: "ExitReason"

    def __str__(self) -> str:
        return f"failed to start child {self.child!r}: {self.reason}"


ExitReason: TypeAlias = (
    Normal
    | Shutdown
    | IntensityReached
    | Killed
    | OutOfMemory
    | Hung
    | Unhealthy
    | Recycled
    | Signaled
    | ExitStatus
    | Raised
    | Stopped
    | NotPermitted
    | StartTimeout
    | EndedUnready
    | FailedToStartChild
)


def is_clean(reason: ExitReason) -> bool:
    """Return whether a transient child that ended with `reason` stays down."""
    return isinstance(reason, Normal | Shutdown | Recycled)


def reason_of(text: str) -> ExitReason:
    """Read a reason that was written down: as clean or abnormal as it was."""
    match text.partition(": "):
        case ("normal", "", ""):
            return Normal()
        case ("killed", "", ""):
            return Killed()
        case ("recycled", ": ", detail):
            return Recycled(detail)
        case ("shutdown", _, detail):
            return Shutdown(detail)
        case _:
            return Stopped(text)
