"""A supervisor under test: it is told what happened, and answers with its actions."""

from collections.abc import Mapping
from typing import Final

from otpy.core.exits import ExitReason, IntensityReached, Killed, Raised
from otpy.core.messages import (
    Action,
    BootAsked,
    Event,
    Exited,
    GiveUp,
    Ignored,
    Reload,
    Request,
    Requested,
    SetTimer,
    Started,
    StartFailure,
    Stop,
    TimedOut,
)
from otpy.core.numbers import Numbers
from otpy.core.placement import passed_down
from otpy.core.spec import (
    AutoShutdown,
    Backoff,
    ChildSpec,
    Inheritable,
    Restart,
    RestartIntensity,
    ServerStart,
    ShutdownBudget,
    Strategy,
    SupervisorSpec,
)
from otpy.core.state import new_supervisor
from otpy.core.supervisor import decide

START_OF_TIME: Final = 7000.3  # odd, so that a real clock would show
BROKEN: Final = Raised("ValueError: no database")


def child(
    id_: str,
    restart: Restart = Restart.PERMANENT,
    shutdown: ShutdownBudget = 5.0,
    *,
    significant: bool = False,
) -> ChildSpec:
    return ChildSpec(id_, ServerStart("shop:Server"), restart, shutdown, significant)


A, B, C, D = child("a"), child("b"), child("c"), child("d")


def asked_to_stop(id_: str, incarnation: int = 1) -> tuple[Action, ...]:
    """List the actions that stop a child with the default budget."""
    return (Stop(id_, incarnation), SetTimer(id_, incarnation, 5.0))


def gave_up_on(id_: str, reason: ExitReason = Killed()) -> GiveUp:  # noqa: B008
    """Return how a supervisor ends of which a child failed too often."""
    return GiveUp(IntensityReached(child=id_, reason=reason))


class Machine:
    """One supervisor and its clock; `now` is moved by hand."""

    def __init__(
        self,
        *children: ChildSpec,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        max_restarts: int | None = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
        max_children: int | None = None,
        template: ChildSpec | None = None,
        starts: Mapping[str, int] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        intensity = RestartIntensity(max_restarts, max_seconds)
        spec = SupervisorSpec(strategy, intensity, auto_shutdown, children, max_children, template)
        spec = passed_down(spec, Inheritable(backoff=backoff), "")
        self.state = new_supervisor(spec, Numbers(starts or {}))
        self.now = START_OF_TIME
        self.chance = 0.5

    def hear(self, event: Event) -> tuple[Action, ...]:
        self.state, actions = decide(self.state, event, self.now, self.chance)
        return actions

    def ask(self, token: int, request: Request | Reload) -> tuple[Action, ...]:
        return self.hear(Requested(token, request))

    # What happened to the present incarnation of a child.

    def started(self, id_: str) -> tuple[Action, ...]:
        return self.hear(Started(id_, self.incarnation(id_)))

    def ignored(self, id_: str) -> tuple[Action, ...]:
        return self.hear(Ignored(id_, self.incarnation(id_)))

    def failed(self, id_: str, reason: ExitReason = BROKEN) -> tuple[Action, ...]:
        return self.hear(StartFailure(id_, self.incarnation(id_), reason))

    def exited(self, id_: str, reason: ExitReason = Killed()) -> tuple[Action, ...]:  # noqa: B008
        return self.hear(Exited(id_, self.incarnation(id_), reason))

    def timed_out(self, id_: str) -> tuple[Action, ...]:
        return self.hear(TimedOut(id_, self.incarnation(id_)))

    def incarnation(self, id_: str) -> int:
        return self.state.children[id_].incarnation


def running(
    *children: ChildSpec,
    strategy: Strategy = Strategy.ONE_FOR_ONE,
    max_restarts: int | None = 3,
    max_seconds: float = 5.0,
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
    backoff: Backoff | None = None,
) -> Machine:
    """Make a supervisor whose children are all up, each in its first incarnation."""
    machine = Machine(
        *children,
        strategy=strategy,
        max_restarts=max_restarts,
        max_seconds=max_seconds,
        auto_shutdown=auto_shutdown,
        backoff=backoff,
    )
    machine.hear(BootAsked())
    for spec in children:
        machine.started(spec.id)
    return machine
