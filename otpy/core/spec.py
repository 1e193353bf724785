"""The specs of a supervision tree, with OTP's names, meanings and defaults.

Source: supervisor.erl (``default_flags``, ``do_check_childspec``); the defaults of
`max_restarts` and `max_seconds` are Elixir's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from otpy.core.effects import LIVE, PARTS, RECREATE, RESTART, Alters
from otpy.core.event_handler import EventHandler
from otpy.core.health import Health
from otpy.core.log import Log, LogTo
from otpy.core.probes import Readiness
from otpy.core.sockets import SocketSpec
from otpy.core.surroundings import NODES, Surroundings


class Strategy(StrEnum):
    """Which siblings restart with a child.

    `DYNAMIC` is one_for_one for children that are only ever added by `start_child`, as
    Elixir's DynamicSupervisor has them.
    """

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"
    DYNAMIC = "dynamic"


class Restart(StrEnum):
    """After which ends a child is started again."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class AutoShutdown(StrEnum):
    """Whether the end of significant children ends the supervisor (EEP 56)."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class NoBudget(StrEnum):
    """The two ways to stop a child that are not a number of seconds."""

    BRUTAL_KILL = "brutal_kill"
    INFINITY = "infinity"


class Durability(StrEnum):
    """What a commit of a server's state survives.

    `PROCESS` is the death of any process, `DISK` the loss of power, too: each commit waits for the
    disk then (fsync(2)). `OFF` is nothing: it is not stored, whatever the server's class says.
    """

    OFF = "off"
    PROCESS = "process"
    DISK = "disk"


class OnGiveUp(StrEnum):
    """What follows when a child that does not count at its supervisor has failed too often."""

    ESCALATE = "escalate"
    STAY_DOWN = "stay_down"


class Essential(StrEnum):
    """Which end of a child, by itself and not on request, ends the node with it.

    Attributes:
        NO: None of them.
        ANY_END: Each, but for that of one that is recycled.
        LAST_END: That after which it is not restarted.
    """

    NO = "no"
    ANY_END = "any end"
    LAST_END = "last end"


BRUTAL_KILL: Final = NoBudget.BRUTAL_KILL
INFINITY: Final = NoBudget.INFINITY

ShutdownBudget: TypeAlias = float | NoBudget
"""Seconds that a child has to end once it is asked to, or one of the two words."""

DEFAULT_SHUTDOWN_S: Final = 5.0

DEFAULT_STOP_SIGNAL: Final = "TERM"

WORKERS_ONLY: Final[Mapping[str, object]] = {"workers_only": True}
"""Metadata of the fields of a `ChildSpec` that do not concern a supervisor."""


@dataclass(frozen=True, slots=True)
class RestartIntensity:
    """More than `max_restarts` restarts within `max_seconds` seconds are too many.

    With None as `max_restarts` no number of them is.
    """

    max_restarts: Annotated[int | None, LIVE] = 3
    max_seconds: Annotated[float, LIVE] = 5.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a child that failed waits for its next start: the first one is at once.

    Attributes:
        initial: Seconds before the second start.
        factor: By which each later wait is longer.
        max: The longest wait, in seconds.
        jitter: The part of a wait by which it is shorter or longer, at random.
        reset_after: Seconds that a child has to be up for the waits to begin anew.
    """

    initial: float = 0.1
    factor: float = 2.0
    max: float = 30.0
    jitter: float = 0.2
    reset_after: float = 60.0

    def after(self, wait: float | None) -> float:
        """Return the wait that follows `wait`; None is: it has not failed lately."""
        if wait is None:
            return 0.0
        return min(wait * self.factor if wait else self.initial, self.max)

    def with_jitter(self, wait: float, chance: float) -> float:
        """Return how long a wait is, given a random number from 0 to 1."""
        return min(wait * (1 + self.jitter * (2 * chance - 1)), self.max)


NO_BACKOFF: Final = Backoff(initial=0.0)
"""Each start is at once: of a child whose supervisor has a `Backoff` for all others."""


@dataclass(frozen=True, slots=True)
class Recycle:
    """At which amount a child is replaced; see `otpy.core.recycling`.

    Attributes:
        limit: Bytes, seconds or messages.
        jitter: The part of it by which an incarnation may have less, at random.
    """

    limit: float
    jitter: float = 0.1


@dataclass(frozen=True, slots=True)
class Retries:
    """Restarts without end: as many as `at_once` allows at once, others after `delay` seconds."""

    at_once: RestartIntensity
    delay: float


@dataclass(frozen=True, slots=True)
class ServerStart:
    """Run ``module:attribute``, a GenServer subclass or a function.

    `args` are positional, `kwargs` keyword arguments for init or the function. `instance` is the
    number of one of several instances. `name` is one in the whole tree, if it has one. `spare` is
    how many processes are forked ahead that have imported the module, and become it when it ends.
    `sockets` are the names of those that it gets, of supervisors above; `listening` are their
    places, of a tree's file, so that a child is another one when its socket is.
    `durable` is what its state survives; None leaves that to the server's class.
    """

    target: Annotated[str, RESTART]
    args: Annotated[tuple[object, ...], RESTART] = ()
    kwargs: Annotated[dict[str, object], RESTART] = field(default_factory=dict)
    instance: Annotated[int | None, RESTART] = None
    name: Annotated[str, RESTART] = ""
    spare: Annotated[int, RESTART] = 0
    sockets: Annotated[tuple[str, ...], RESTART] = ()
    listening: Annotated[tuple[str, ...], RESTART] = ()
    durable: Annotated[Durability | None, RESTART] = None


@dataclass(frozen=True, slots=True)
class CommandStart:
    """Run a program that is not Python; `argv[0]` is looked up in PATH.

    `sockets` are the names of those that it gets, of supervisors above, in the order of their
    descriptors; `listening` is as of a `ServerStart`.
    """

    argv: Annotated[tuple[str, ...], RESTART]
    sockets: Annotated[tuple[str, ...], RESTART] = ()
    listening: Annotated[tuple[str, ...], RESTART] = ()


# One that has the node's own output was given it at its start.
_OF_INHERITED_OUTPUT: Final = Alters(
    RESTART, lambda log: log is LogTo.INHERIT, "from or to `inherit`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritable:
    """What may stand on a supervisor and then holds for every child below that says nothing else.

    None is: nothing is said. `otpy.core.placement` passes each field down, with no code that
    names it; a value whose relative paths start from the tree's file has a method `in_folder`,
    one whose parts are merged `inherit`.

    Attributes:
        surroundings: What a process starts in; merged key by key.
        backoff: How long a child that failed waits for its next start.
        log: Where the output of a child is logged; merged part by part.
    """

    surroundings: Annotated[Surroundings, PARTS] = NODES
    backoff: Annotated[Backoff | None, LIVE] = None
    log: Annotated[Log | None, LIVE, _OF_INHERITED_OUTPUT] = None


_OF_A_DYNAMIC_ONE: Final = Alters(
    RECREATE, lambda strategy: strategy is Strategy.DYNAMIC, "from or to `dynamic`"
)
_OF_INSTANCES: Final = Alters(RECREATE, bool, "where the key is new, or gone")
_OF_ITS_KIND: Final = Alters(
    RECREATE, type, "between `start`, `command` and a supervisor's `children`"
)


@dataclass(frozen=True, slots=True)
class SupervisorSpec(Inheritable):
    """A supervisor's flags and its children in start order.

    Attributes:
        max_children: How many a dynamic one may have, restarting ones included; None for any
            number.
        template: What all children of a dynamic one are made from, if given; its `id` is what
            theirs begin with.
        instances: How many children are instances of one spec that share its messages, as
            Elixir's PartitionSupervisor has them; 0 for none.
        folder: What relative paths of its children start from; the folder of the tree's file.
        on_event: What is done about the events of the node; of the root alone.
        sockets: By their names, which no other supervisor of the tree has; the node holds them.
    """

    strategy: Annotated[Strategy, LIVE, _OF_A_DYNAMIC_ONE] = Strategy.ONE_FOR_ONE
    intensity: Annotated[RestartIntensity, PARTS] = RestartIntensity()
    auto_shutdown: Annotated[AutoShutdown, LIVE] = AutoShutdown.NEVER
    children: Annotated["tuple[ChildSpec, ...]", PARTS] = ()
    max_children: Annotated[int | None, LIVE] = None
    template: Annotated["ChildSpec | None", LIVE] = None
    instances: Annotated[int, LIVE, _OF_INSTANCES] = 0
    folder: Annotated[str, LIVE] = field(default="", compare=False)
    on_event: Annotated[tuple[EventHandler, ...], LIVE] = ()
    sockets: Annotated[dict[str, SocketSpec], LIVE] = field(default_factory=dict)

    @property
    def is_dynamic(self) -> bool:
        """Whether its children come and go: one that does not run has no place in its list."""
        return self.strategy is Strategy.DYNAMIC


Start: TypeAlias = ServerStart | CommandStart | SupervisorSpec


@dataclass(frozen=True, slots=True)
class ChildSpec(Inheritable):
    """The way in which a supervisor starts, restarts and stops one child.

    Attributes:
        id: Unique among its siblings.
        start: What to run; a `SupervisorSpec` makes the child a supervisor.
        shutdown: Budget for an orderly stop; the configuration gives a supervisor infinity.
        significant: Its end may end its supervisor, see `AutoShutdown`.
        essential: Which end of it ends the node, with its exit status.
        own_intensity: Its restarts do not count against its supervisor's, then. One that stays
            down has it; of a supervisor it is the one that its children have, too.
        on_give_up: What follows when it is over its own intensity, or, of a supervisor, when that
            has given up.
        ready: What makes it ready, once its init has returned or its program is executed; None:
            that alone does.
        start_timeout: Seconds within which it has to be ready; None for any time.
        retries: Given, the child is restarted without end, and its restarts do not count against
            its supervisor's intensity.
        max_memory: Bytes of all its processes at which it is replaced.
        max_age: Seconds after which it is replaced.
        max_messages: Messages after which it is replaced: a server.
        health: What is asked of it while it runs.
        watchdog: Seconds within which it has to come back to its mailbox, or to give a sign of
            life.
        stop_signal: Name of the signal that an orderly stop sends, without SIG.
        stop_group: Whether every process of the child's group gets it at once.
        by_hand: It was added by `start_child`, and is in no file.
    """

    id: Annotated[str, RECREATE]
    start: Annotated[Start, PARTS, _OF_ITS_KIND]
    restart: Annotated[Restart, LIVE] = Restart.PERMANENT
    shutdown: Annotated[ShutdownBudget, LIVE] = DEFAULT_SHUTDOWN_S
    significant: Annotated[bool, LIVE] = False
    essential: Annotated[Essential, LIVE] = Essential.NO
    retries: Annotated[Retries | None, LIVE] = None
    own_intensity: Annotated[RestartIntensity | None, PARTS] = None
    on_give_up: Annotated[OnGiveUp, LIVE] = OnGiveUp.ESCALATE
    max_memory: Annotated[Recycle | None, LIVE] = None
    max_age: Annotated[Recycle | None, LIVE] = None
    max_messages: Annotated[Recycle | None, RESTART] = None
    health: Annotated[Health | None, LIVE] = None
    watchdog: Annotated[float | None, RESTART] = None
    stop_signal: Annotated[str, LIVE] = field(default=DEFAULT_STOP_SIGNAL, metadata=WORKERS_ONLY)
    stop_group: Annotated[bool, LIVE] = field(default=False, metadata=WORKERS_ONLY)
    ready: Annotated[Readiness | None, LIVE] = field(default=None, metadata=WORKERS_ONLY)
    start_timeout: Annotated[float | None, LIVE] = None
    by_hand: Annotated[bool, LIVE] = field(default=False, compare=False)

    @property
    def inheritable(self) -> Inheritable:
        """What it has, or inherits; a supervisor has that in its `start`, not here."""
        return self.start if isinstance(self.start, SupervisorSpec) else self

    @property
    def watches_program(self) -> bool:
        """Whether it is a program that has to give signs of life."""
        return self.watchdog is not None and isinstance(self.start, CommandStart)

    @property
    def is_supervisor(self) -> bool:
        """Whether the child is a supervisor."""
        return isinstance(self.start, SupervisorSpec)


def is_durable(child: ChildSpec) -> bool:
    """Whether the spec says that the state of the child is stored; its class may say so, too."""
    start = child.start
    return isinstance(start, ServerStart) and start.durable not in (None, Durability.OFF)


def without_arguments(child: ChildSpec) -> ChildSpec:
    """Return the spec without what the child was started with."""
    match child.start:
        case ServerStart() as start:
            return replace(child, start=replace(start, args=(), kwargs={}))
        case CommandStart() as start:
            return replace(child, start=replace(start, argv=start.argv[:1]))
        case SupervisorSpec():
            return child


def kind_of(child: ChildSpec) -> str:
    """Name the kind of a child: ``supervisor``, ``worker`` or ``command``."""
    if child.is_supervisor:
        return "supervisor"
    return "command" if isinstance(child.start, CommandStart) else "worker"


def supervisor_of_instances(
    child: ChildSpec, count: int, intensity: RestartIntensity
) -> SupervisorSpec:
    """Return the supervisor of `count` instances of `child`; their ids are their numbers."""
    start = child.start
    assert isinstance(start, ServerStart)
    instances = (
        replace(
            child,
            id=str(number),
            start=replace(start, instance=number),
            significant=False,
            essential=Essential.NO,
        )
        for number in range(count)
    )
    return SupervisorSpec(intensity=intensity, children=tuple(instances), instances=count)


def seconds_of(budget: ShutdownBudget) -> float | None:
    """Return the seconds of a budget; None is infinity."""
    if budget is INFINITY:
        return None
    return 0.0 if budget is BRUTAL_KILL else float(budget)


def sockets_of(tree: SupervisorSpec) -> dict[str, tuple[str, SocketSpec]]:
    """Return every socket of a tree by its name, with the path of the supervisor that has it."""
    found: dict[str, tuple[str, SocketSpec]] = {}
    waiting = [("", tree)]
    while waiting:
        path, spec = waiting.pop()
        found.update({name: (path, each) for name, each in spec.sockets.items()})
        waiting += [
            (f"{path}/{child.id}" if path else child.id, child.start)
            for child in spec.children
            if isinstance(child.start, SupervisorSpec)
        ]
    return found


def sockets_asked_for(child: ChildSpec) -> tuple[str, ...]:
    """Return the names of the sockets that a child gets."""
    return () if isinstance(child.start, SupervisorSpec) else child.start.sockets


def bad_combination(child: ChildSpec, auto_shutdown: AutoShutdown) -> str:
    """Return why `child` cannot stand under a supervisor with `auto_shutdown`; empty if it can."""
    if not child.significant:
        return ""
    if auto_shutdown is AutoShutdown.NEVER:
        return "a significant child needs a supervisor with auto_shutdown"
    if child.restart is Restart.PERMANENT:
        return "a significant child may not be permanent"
    return ""
