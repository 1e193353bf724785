"""The state of a supervisor between two events."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import islice
from typing import TypeAlias

from otpy.core.exits import ExitReason, Shutdown
from otpy.core.intensity import RestartLog
from otpy.core.messages import (
    Event,
    Exited,
    NotReloaded,
    Requested,
    StartChild,
    StartCopy,
    TryAgain,
)
from otpy.core.numbers import Numbers
from otpy.core.queue import Queue
from otpy.core.spec import (
    NO_BACKOFF,
    Backoff,
    ChildSpec,
    OnGiveUp,
    Restart,
    SupervisorSpec,
)
from otpy.core.strategy import affected, should_restart
from otpy.core.table import Table

_DIGITS = 19
"""A number with fewer is one that may have been counted up to."""


class Status(Enum):
    """The status of a child; OTP's `undefined` and `restarting` are pids there.

    `ENDED` is a child whose end waits in the mailbox: its process is gone, but the supervisor
    has not come to it yet. In `BACKOFF` it waits for its next start, by itself or for the one of
    its group that failed; `FAILED` it stays down, since it was over its own limits.
    """

    UNDEFINED = auto()
    STARTING = auto()
    RUNNING = auto()
    STOPPING = auto()
    ENDED = auto()
    RESTARTING = auto()
    BACKOFF = auto()
    FAILED = auto()


ALIVE = frozenset({Status.STARTING, Status.RUNNING, Status.STOPPING})
"""The statuses of a child that has a process, as far as its supervisor knows."""


@dataclass(frozen=True, slots=True)
class Child:
    """A spec in the list, and how its present or last incarnation fares.

    Attributes:
        once: Its id is never given again.
        restarts: Of a child with `retries`, or with limits of its own.
        up_since: When it came up last.
        wait: Seconds that it waited before its last start; None if it has not failed lately.
        waits_for: In `BACKOFF`, the child whose timer it waits for: itself, or one of its group.
        failure: With which reason it `FAILED`.
        retiring: It is running, and was asked to end since it has reached a limit.
        declared: The whole spec as the tree declares it; None of one that was added on request.
    """

    spec: ChildSpec
    status: Status = Status.UNDEFINED
    incarnation: int = 0
    once: bool = False
    restarts: RestartLog = field(default_factory=RestartLog)
    up_since: float = 0.0
    wait: float | None = None
    waits_for: str = ""
    failure: ExitReason | None = None
    retiring: bool = False
    declared: ChildSpec | None = None


@dataclass(frozen=True, slots=True)
class Booting:
    """The first start of all children."""


@dataclass(frozen=True, slots=True)
class Recovering:
    """A restart, of one child or of a group."""


@dataclass(frozen=True, slots=True)
class StoppingGroup:
    """The group of a child that waits for its next start is stopped, to wait with it."""

    child: str
    reason: ExitReason
    seconds: float


@dataclass(frozen=True, slots=True)
class StartingOne:
    """`StartChild` or `RestartChild`, to be answered; `was` is where the child stood before."""

    token: int
    child: str
    added: bool
    was: Status = Status.UNDEFINED


@dataclass(frozen=True, slots=True)
class StoppingOne:
    """`TerminateChild`, to be answered."""

    token: int
    child: str


@dataclass(frozen=True, slots=True)
class StoppingSome:
    """`TerminateChildren`, to be answered; only those of `known` are there."""

    token: int
    children: tuple[str, ...]
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReloadStep:
    """One step of a reload: a child gets its `target`; None: some are stopped, to be removed."""

    target: "Target | None" = None


@dataclass(frozen=True, slots=True)
class Ending:
    """Stop everything, then end with `reason`; `for_good` if no replacement will be started."""

    reason: ExitReason = field(default_factory=Shutdown)
    for_good: bool = False


Purpose: TypeAlias = (
    Booting
    | Recovering
    | StoppingGroup
    | StartingOne
    | StoppingOne
    | StoppingSome
    | ReloadStep
    | Ending
)


@dataclass(frozen=True, slots=True)
class Work:
    """The work that the supervisor has begun and not finished.

    A supervisor is one sequential process: while it waits for the child at the head of `stop`
    to end, or, when that list is empty, for the one at the head of `start` to come up,
    everything else waits in its mailbox.
    """

    purpose: Purpose
    stop: Queue[str] = field(default_factory=Queue)
    start: Queue[str] = field(default_factory=Queue)


@dataclass(frozen=True, slots=True)
class Reloading:
    """A `Reload` that has begun: between two steps everything else is served.

    Attributes:
        token: Of the request.
        before: The spec of the supervisor before it.
        was: The children before it.
        todo: Those to be started with another spec, in order; the first may be in hand.
        arranged: Those that leave have left, and the others are in their order.
        insists: As of `Reload`.
        down: As of `Reload`.
        failed: Set, all is being put back as it was, and this is the answer then.
    """

    token: int
    before: SupervisorSpec
    was: Table[Child]
    todo: "Queue[Target]" = field(default_factory=Queue)
    arranged: bool = False
    insists: bool = False
    down: tuple[str, ...] = ()
    failed: NotReloaded | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The spec that a child is to have; `declared` as of `Child`."""

    spec: ChildSpec
    declared: ChildSpec | None


class Availability(Enum):
    """Whether a child runs, will run, or is gone, for a caller that waits for it.

    `STOPPING`: it will be known once the child, or its supervisor, has ended. `FAILED`: it is
    gone until somebody starts it, and `failure` has the reason.
    """

    UP = auto()
    STARTING = auto()
    GONE = auto()
    STOPPING = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class SupervisorState:
    """The whole memory of a supervisor.

    Attributes:
        children: By id, in start order.
        numbers: The last incarnation numbers of ids that have no child now.
        inherited: The `floor` of those that were known at the begin; ids that were made since are
            new ones.
        made: Where a template is, a number that no id made from it, or told like one, was above;
            every id that was told counts, too.
        work: What it is in the middle of; None at rest.
        mailbox: Events that arrived meanwhile, oldest first.
        reload: The reload that it is in the middle of.
        over: It has ended; nothing follows.
    """

    spec: SupervisorSpec
    children: Table[Child]
    numbers: Numbers = field(default_factory=Numbers)
    inherited: int = 0
    made: int = 0
    restarts: RestartLog = field(default_factory=RestartLog)
    work: Work | None = None
    mailbox: Queue[Event] = field(default_factory=Queue)
    over: bool = False
    reload: Reloading | None = None

    @property
    def ending(self) -> bool:
        """Whether it is about to end, or has."""
        return self.over or (self.work is not None and isinstance(self.work.purpose, Ending))

    @property
    def ends_for_good(self) -> bool:
        """Whether it is about to end, and will not be restarted."""
        purpose = self.work.purpose if self.work is not None else None
        return isinstance(purpose, Ending) and purpose.for_good


def new_supervisor(spec: SupervisorSpec, numbers: Numbers | None = None) -> SupervisorState:
    """Return the state of a supervisor that has not booted.

    Args:
        spec: Its flags and children.
        numbers: The last incarnation numbers of the children that an earlier incarnation of this
            supervisor had, so that they go on.
    """
    known = numbers or Numbers()
    children = Table((child.id, Child(child, declared=child)) for child in spec.children)
    made = max((len(known.last), *(made_number(spec.template, id_) for id_ in known.last)))
    return SupervisorState(spec, children, known, known.floor, made)


def spec_of(state: SupervisorState) -> SupervisorSpec:
    """Return the spec of what runs, or would if nothing had ended.

    That is the supervisor's own, without the children that were deleted since, and with those that
    `start_child` has added (`ChildSpec.by_hand`); those of a dynamic supervisor are in no spec.
    """
    added = {id_: child.spec for id_, child in state.children.items() if child.spec.by_hand}
    if not added:
        return state.spec
    own = (child for child in state.spec.children if child.id not in added)
    return replace(state.spec, children=(*own, *added.values()))


def made_number(template: ChildSpec | None, id_: str) -> int:
    """Return the number in an id that may have been made from `template`; else 0."""
    if template is None or not id_.startswith(f"{template.id}-"):
        return 0
    digits = id_.removeprefix(f"{template.id}-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < _DIGITS else 0


def is_asked_to_start(state: SupervisorState) -> bool:
    """Return whether the present start was requested: a caller waits for its result."""
    if state.work is not None and isinstance(state.work.purpose, ReloadStep):
        reload = state.reload
        return reload is not None and reload.failed is None and not reload.insists
    return state.work is not None and isinstance(state.work.purpose, StartingOne)


def availability(state: SupervisorState, child_id: str) -> Availability:
    """Return whether a child runs, will run without a request, or will not.

    While a supervisor ends, what has not been stopped yet is as much there as before.
    """
    child = state.children.get(child_id)
    if child is not None and child.status is Status.RUNNING:
        return Availability.UP
    if state.ending:
        ends = child is not None and child.status in ALIVE
        return Availability.STOPPING if ends or not state.ends_for_good else Availability.GONE
    if child is None:
        return Availability.GONE
    if _will_be_started(state, child):
        return Availability.STARTING
    return Availability.FAILED if child.status is Status.FAILED else Availability.GONE


def failure(state: SupervisorState, child_id: str) -> ExitReason | None:
    """Return with which reason a child has failed for good; None if it has not."""
    child = state.children.get(child_id)
    return child.failure if child is not None and child.status is Status.FAILED else None


def backoff_of(child: ChildSpec) -> Backoff:
    """Return how long a child waits when it has failed."""
    return child.inheritable.backoff or NO_BACKOFF


def is_contained(child: ChildSpec) -> bool:
    """Return whether a first start of a child that fails is tried again, and fails nobody else."""
    return child.on_give_up is OnGiveUp.STAY_DOWN or backoff_of(child) != NO_BACKOFF


def comes_back(state: SupervisorState, child_id: str) -> bool:
    """Return whether a child that is being stopped will be started again by itself."""
    if state.ending:
        return not state.ends_for_good
    child = state.children.get(child_id)
    return child is not None and _will_be_started(state, child)


def _will_be_started(state: SupervisorState, child: Child) -> bool:
    match child.status:
        case Status.STARTING | Status.RESTARTING | Status.BACKOFF:
            return True
        case Status.ENDED if _waits_to_be_restarted(state, child):
            return True
        case Status.RUNNING if child.retiring and child.spec.restart is not Restart.TEMPORARY:
            return True
    if state.work is not None and child.spec.id in state.work.start:
        return True
    if state.reload is not None and _is_to_be_reloaded(state.reload, child):
        return True
    return child.status is not Status.FAILED and _waits_for_another(state, child)


def _is_to_be_reloaded(reload: Reloading, child: Child) -> bool:
    if child.status not in (Status.UNDEFINED, Status.STOPPING):
        return False
    return any(target.spec.id == child.spec.id for target in reload.todo)


def _waits_to_be_restarted(state: SupervisorState, child: Child) -> bool:
    return any(
        isinstance(event, Exited)
        and (event.child, event.incarnation) == (child.spec.id, child.incarnation)
        and should_restart(child.spec.restart, event.reason)
        for event in state.mailbox
    )


def _waits_for_another(state: SupervisorState, child: Child) -> bool:
    """Return whether the child's group is incomplete, and tried again with it."""
    return child.spec.restart is not Restart.TEMPORARY and any(
        other.status in (Status.RESTARTING, Status.BACKOFF)
        and child.spec.id in affected(state.spec.strategy, state.children, id_)
        for id_, other in state.children.items()
    )


def starts_ahead(state: SupervisorState, limit: int) -> int:
    """Return how many workers will be started soon, if nothing goes wrong, after the present one.

    Args:
        state: Of the supervisor.
        limit: More than this are not counted.
    """
    return sum(islice(filter(None, _starts_of_workers(state)), limit))


def _starts_of_workers(state: SupervisorState) -> Iterator[bool]:
    """Yield of each start to come, after the one in hand, whether it is a worker's."""
    if state.work is not None:
        for id_ in islice(state.work.start, 1, None):
            yield _is_worker(state.children.get(id_))
    for event in state.mailbox:
        yield _starts_a_worker(state, event)
    if state.reload is not None:
        in_hand = state.work is not None and isinstance(state.work.purpose, ReloadStep)
        for target in islice(state.reload.todo, int(in_hand), None):
            yield not target.spec.is_supervisor


def _starts_a_worker(state: SupervisorState, event: Event) -> bool:
    match event:
        case Exited(child=id_) | TryAgain(child=id_):
            return _is_worker(state.children.get(id_))
        case Requested(request=StartChild(spec=spec)):
            return not spec.is_supervisor
        case Requested(request=StartCopy()):
            return True
        case _:
            return False


def _is_worker(child: Child | None) -> bool:
    return child is not None and not child.spec.is_supervisor
