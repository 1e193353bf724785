"""The events, requests and actions of a supervisor: closed unions.

A child is named by its id; its incarnation says which of its lives is meant, so that a late
message about an earlier one is never mistaken for the present one's.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from otpy.core.exits import ExitReason, Recycled
from otpy.core.spec import ChildSpec, RestartIntensity, SupervisorSpec

# ---- requests: supervisor:start_child/2 and its siblings -------------------------------------


@dataclass(frozen=True, slots=True)
class StartChild:
    """Add `spec` at the end and start it.

    With `once` its id is never given again, so that nothing of it has to be remembered. `taken`
    tells which process has a name that is this child's path; then it is refused.
    """

    spec: ChildSpec
    once: bool = False
    taken: str = ""


@dataclass(frozen=True, slots=True)
class StartCopy:
    """Create a child from the supervisor's template and start it.

    `args` and `kwargs` are added to the template's; without an `id` the child gets one. `taken`
    as in `StartChild`.
    """

    id: str | None = None
    args: tuple[object, ...] = ()
    kwargs: dict[str, object] = field(default_factory=dict)
    taken: str = ""


@dataclass(frozen=True, slots=True)
class TerminateChild:
    """Stop a child and keep its spec, unless it is temporary."""

    id: str


@dataclass(frozen=True, slots=True)
class TerminateChildren:
    """Stop several children: of a dynamic supervisor all at once, else one after another."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RestartChild:
    """Start a child that is stopped, in its old place."""

    id: str


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Forget the spec of a child that is stopped."""

    id: str


@dataclass(frozen=True, slots=True)
class GetChildSpec:
    """Read the spec of a child, defaults filled in."""

    id: str


@dataclass(frozen=True, slots=True)
class GetSpec:
    """Read the supervisor's own spec: what runs, or would if nothing had ended."""


@dataclass(frozen=True, slots=True)
class WhichChildren:
    """List the children, latest first."""


@dataclass(frozen=True, slots=True)
class CountChildren:
    """Count specs, active children, supervisors and workers."""


Request: TypeAlias = (
    StartChild
    | StartCopy
    | TerminateChild
    | TerminateChildren
    | RestartChild
    | DeleteChild
    | GetChildSpec
    | GetSpec
    | WhichChildren
    | CountChildren
)


@dataclass(frozen=True, slots=True)
class StartMany:
    """Several requests of one sender, served one after another and answered by one `Results`."""

    requests: tuple[StartChild | StartCopy, ...]


@dataclass(frozen=True, slots=True)
class Reload:
    """Take over `spec`: the flags, and the children that the tree declares (``code_change``).

    A nested supervisor whose own flags or children differ is left to a request of its own. With
    `insists` a child that fails to start is tried again, as if it had ended by itself. Children
    of `down` are not started if they are new.
    """

    spec: SupervisorSpec
    insists: bool = False
    down: tuple[str, ...] = ()


# ---- answers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """It was done. `incarnation` is the started child's; None if it ignored or none was."""

    id: str
    incarnation: int | None = None
    kind: str = "worker"


@dataclass(frozen=True, slots=True)
class Denied:
    """It was not done; `reason` is OTP's word, for example ``already_started``."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The child's start failed; nothing else changed."""

    reason: ExitReason


@dataclass(frozen=True, slots=True)
class ChildRow:
    """One row of `WhichChildren`.

    `state` is ``running``, ``restarting``, ``backoff``, ``failed`` or ``undefined``.
    """

    id: str
    state: str
    kind: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Children:
    """The answer to `WhichChildren`: latest first."""

    rows: tuple[ChildRow, ...]


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """The answer to `CountChildren`; the last two count specs, alive or not."""

    specs: int
    active: int
    supervisors: int
    workers: int


@dataclass(frozen=True, slots=True)
class Results:
    """The results of the parts of a request about many children, in their order."""

    answers: "tuple[Answer, ...]"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The answer to `Reload`: all is as its spec says. `down` did not run, and were removed."""

    down: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotReloaded:
    """The start of `child` failed, and all was put back as it was before."""

    child: str
    reason: ExitReason


Answer: TypeAlias = (
    Done
    | Denied
    | NotStarted
    | Results
    | Children
    | ChildCounts
    | ChildSpec
    | SupervisorSpec
    | Reloaded
    | NotReloaded
)

# ---- events: what the runtime tells the core -------------------------------------------------


@dataclass(frozen=True, slots=True)
class BootAsked:
    """Start the children; the first event of every supervisor."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The parent, or the operator at the top, wants the supervisor to stop in order.

    With `for_good` it will not be restarted.
    """

    for_good: bool = False


@dataclass(frozen=True, slots=True)
class HaltAsked:
    """End everything now, budgets or not: the operator's second Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Started:
    """A child is up: its init returned, and what makes it ready holds."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A child's init returned `Ignore`; its process is gone."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class StartFailure:
    """A child ended before it was up; its process is gone."""

    child: str
    incarnation: int
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Exited:
    """A child that had started has ended; its process is gone, and what it left behind too."""

    child: str
    incarnation: int
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A child has reached a limit at which it is replaced."""

    child: str
    incarnation: int
    reason: Recycled


@dataclass(frozen=True, slots=True)
class EndBegun:
    """A child that is replaced has finished its message in hand, and begins to end."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The timer that `SetTimer` armed has run out."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Requested:
    """A request has arrived; the answer goes out as `SendReply` with the same `token`."""

    token: int
    request: Request | Reload


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The supervisor's note to itself that a restart failed (``try_again_restart``)."""

    child: str
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class StartAgain:
    """The supervisor's note to itself that the pause before a child's restart is over."""

    child: str


@dataclass(frozen=True, slots=True)
class ReloadNext:
    """The supervisor's note to itself to go on with a reload, after all that waits already."""


Event: TypeAlias = (
    BootAsked
    | StopAsked
    | HaltAsked
    | Started
    | Ignored
    | StartFailure
    | Exited
    | LimitReached
    | EndBegun
    | TimedOut
    | Requested
    | TryAgain
    | StartAgain
    | ReloadNext
)

# ---- actions: what the core has the runtime do -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """Start a child; answer with `Started`, `Ignored` or `StartFailure`."""

    spec: ChildSpec
    incarnation: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a child to end; answer with `Exited` (or `StartFailure`, while it starts)."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Retire:
    """Ask a child to end after its message in hand; answer with `EndBegun`, then as to `Stop`."""

    child: str
    incarnation: int
    reason: Recycled


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL a child's process group; answer as to `Stop`."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class FailStart:
    """Kill a child that is not up in time; answer with `StartFailure` and `StartTimeout`."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Halt:
    """End a child now: a worker by `Kill`, a supervisor by telling it `HaltAsked`."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Respec:
    """A child that runs goes on with another spec, of which only what is ``live`` differs."""

    spec: ChildSpec
    incarnation: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send `TimedOut` for this child after `seconds`, unless it has ended before."""

    child: str
    incarnation: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Do not send the `TimedOut` of this child."""

    child: str


@dataclass(frozen=True, slots=True)
class SendReply:
    """Answer the `Requested` with this token."""

    token: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Emit:
    """Publish a decision."""

    report: "Report"


@dataclass(frozen=True, slots=True)
class Up:
    """Report to the parent that all children are started."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End this supervisor; all its children are gone.

    `reason` is `Shutdown` after a stop or an auto shutdown, `IntensityReached` after too many
    restarts, and `FailedToStartChild` when the boot failed.
    """

    reason: ExitReason


Action: TypeAlias = (
    Start
    | Stop
    | Retire
    | Kill
    | FailStart
    | Halt
    | Respec
    | SetTimer
    | CancelTimer
    | SendReply
    | Emit
    | Up
    | GiveUp
)

# ---- reports: decisions worth telling --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restarting:
    """`child` is started again after `reason`; `restarts` counts those inside the window.

    `own_intensity` is the one that it has of its own; with retries, it is started after a pause
    above.
    """

    child: str
    reason: ExitReason
    restarts: int
    own_intensity: RestartIntensity | None = None


@dataclass(frozen=True, slots=True)
class Replacing:
    """`child`, which was recycled, is started again: alone, and without being counted."""

    child: str
    reason: Recycled


@dataclass(frozen=True, slots=True)
class BackingOff:
    """`child` will be started again in `seconds`; it failed with `reason`.

    `restarts` and `own_intensity` are as in `Restarting`. `waits_for` is the child whose failure it
    was: itself, or one of its group.
    """

    child: str
    reason: ExitReason
    seconds: float
    restarts: int
    own_intensity: RestartIntensity | None
    waits_for: str


@dataclass(frozen=True, slots=True)
class Failed:
    """`child` ended once too often and stays down; its siblings go on."""

    child: str
    reason: ExitReason
    restarts: int
    own_intensity: RestartIntensity


@dataclass(frozen=True, slots=True)
class StaysDown:
    """`child`, which waited for its next start or had failed, was stopped on request."""

    child: str


@dataclass(frozen=True, slots=True)
class TooManyRestarts:
    """`child` ended once too often: the supervisor gives up."""

    child: str
    reason: ExitReason
    restarts: int
    own_intensity: RestartIntensity | None = None


@dataclass(frozen=True, slots=True)
class AutoShutdownBegan:
    """The significant `child` has ended, and the supervisor ends with it."""

    child: str


@dataclass(frozen=True, slots=True)
class EssentialEnded:
    """The essential `child` has ended with `reason`, and the node is to end with it."""

    child: str
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Added:
    """The spec of `child` was added by `StartChild`."""

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class Removed:
    """The spec of `child` is gone; `once` as in `StartChild`."""

    child: str
    once: bool = False


@dataclass(frozen=True, slots=True)
class Arranged:
    """The children are in this order now."""

    children: tuple[str, ...]


Report: TypeAlias = (
    Restarting
    | Replacing
    | BackingOff
    | Failed
    | StaysDown
    | TooManyRestarts
    | AutoShutdownBegan
    | EssentialEnded
    | Added
    | Removed
    | Arranged
)
