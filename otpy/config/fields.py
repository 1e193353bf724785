"""The fields of a tree, as pydantic models: one for the top and one for each kind of child."""

from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from otpy.config import (
    event_handler_parsers,
    log_parsers,
    parsers,
    probe_parsers,
    recycling_parsers,
    socket_parsers,
    surrounding_parsers,
)
from otpy.core.event_handler import EventHandler
from otpy.core.health import Health
from otpy.core.log import Log, LogFormat, LogTo
from otpy.core.probes import Readiness
from otpy.core.sockets import SocketSpec
from otpy.core.spec import (
    DEFAULT_SHUTDOWN_S,
    DEFAULT_STOP_SIGNAL,
    INFINITY,
    AutoShutdown,
    Backoff,
    Durability,
    NoBudget,
    OnGiveUp,
    Recycle,
    Restart,
    RestartIntensity,
    ShutdownBudget,
    Strategy,
)
from otpy.core.surroundings import Limit

_DURATION_SCHEMA: Final = [
    {"type": "number", "minimum": 0, "maximum": parsers.MAX_NUMBER},
    {"type": "string", "pattern": parsers.DURATION_PATTERN},
]

Name = Annotated[
    str,
    AfterValidator(parsers.name),
    Field(json_schema_extra={"pattern": parsers.NAME_PATTERN}),
]
Target = Annotated[
    str,
    AfterValidator(parsers.target),
    Field(json_schema_extra={"pattern": parsers.TARGET_PATTERN}),
]
Arguments = Annotated[
    Any,
    PlainValidator(parsers.arguments),
    WithJsonSchema({"type": ["array", "object"]}),
]
Command = Annotated[
    list[Annotated[str, AfterValidator(parsers.program_word)]],
    AfterValidator(parsers.program),
    Field(json_schema_extra={"minItems": 1}),
]
Flag = Annotated[bool, PlainValidator(parsers.flag), WithJsonSchema({"type": "boolean"})]
Period = Annotated[
    float,
    PlainValidator(parsers.seconds_above_zero),
    WithJsonSchema({"anyOf": _DURATION_SCHEMA}),
]
Duration = Annotated[
    float,
    PlainValidator(parsers.seconds),
    WithJsonSchema({"anyOf": _DURATION_SCHEMA}),
]
Factor = Annotated[
    float,
    PlainValidator(parsers.factor),
    WithJsonSchema({"type": "number", "minimum": 1, "maximum": parsers.MAX_FACTOR}),
]
Share = Annotated[
    float,
    PlainValidator(parsers.share),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]
Budget = Annotated[
    ShutdownBudget,
    PlainValidator(parsers.shutdown_budget),
    WithJsonSchema({"anyOf": [*_DURATION_SCHEMA, {"enum": list(NoBudget)}]}),
]

StopSignal = Annotated[
    str,
    PlainValidator(parsers.stop_signal),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": parsers.SIGNAL_PATTERN},
                {"type": "integer", "minimum": 1, "maximum": parsers.MAX_SIGNAL},
            ]
        }
    ),
]

MaxChildren = Annotated[
    int | None,
    PlainValidator(parsers.max_children),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": parsers.MAX_NUMBER},
                {"const": INFINITY},
            ]
        }
    ),
]

Instances = Annotated[
    int,
    PlainValidator(parsers.instances),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": parsers.MAX_INSTANCES}),
]

Spare = Annotated[
    int,
    PlainValidator(parsers.spare),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": parsers.MAX_SPARE}),
]

MaxRestarts = Annotated[
    int | None,
    PlainValidator(parsers.max_restarts),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": parsers.MAX_NUMBER},
                {"const": INFINITY},
            ]
        }
    ),
    Field(description="More restarts than this within max_seconds are too many; or infinity."),
]
MaxSeconds = Annotated[
    Period, Field(description="The period of max_restarts: seconds, or 250ms, 5s, 2m, 1h.")
]

Environment = Annotated[
    dict[str, str | None] | None,
    PlainValidator(surrounding_parsers.environment),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "null"]}}),
]
_PATH_SCHEMA: Final = {"type": "string", "minLength": 1}
EnvFiles = Annotated[
    tuple[str, ...] | None,
    PlainValidator(surrounding_parsers.paths),
    WithJsonSchema({"anyOf": [_PATH_SCHEMA, {"type": "array", "items": _PATH_SCHEMA}]}),
]
InheritEnv = Annotated[
    bool | tuple[str, ...] | None,
    PlainValidator(surrounding_parsers.inherited),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "array", "items": _PATH_SCHEMA}]}),
]
Folder = Annotated[
    str | None, PlainValidator(surrounding_parsers.path), WithJsonSchema(_PATH_SCHEMA)
]
Stdin = Annotated[
    str | None,
    PlainValidator(surrounding_parsers.optional_path),
    WithJsonSchema({"anyOf": [_PATH_SCHEMA, {"type": "null"}]}),
]
_ACCOUNT_SCHEMA: Final = {
    "anyOf": [
        _PATH_SCHEMA,
        {"type": "integer", "minimum": 0, "maximum": surrounding_parsers.MAX_ID},
    ]
}
Account = Annotated[
    int | str | None,
    PlainValidator(surrounding_parsers.account),
    WithJsonSchema(_ACCOUNT_SCHEMA),
]
Sockets = Annotated[
    dict[str, SocketSpec],
    PlainValidator(socket_parsers.sockets),
    WithJsonSchema(socket_parsers.sockets_schema(_ACCOUNT_SCHEMA)),
]
SocketNames = Annotated[
    tuple[str, ...],
    PlainValidator(socket_parsers.names),
    WithJsonSchema(socket_parsers.names_schema()),
]
Umask = Annotated[
    str | None,
    PlainValidator(surrounding_parsers.umask),
    WithJsonSchema({"type": "string", "pattern": surrounding_parsers.UMASK_PATTERN}),
]
Nice = Annotated[
    int | None,
    PlainValidator(surrounding_parsers.nice),
    WithJsonSchema({"type": "integer", "minimum": -20, "maximum": 19}),
]
_CPU_SCHEMA: Final = {"type": "integer", "minimum": 0, "maximum": surrounding_parsers.MAX_CPU}
Cpus = Annotated[
    tuple[int, ...] | None,
    PlainValidator(surrounding_parsers.cpus),
    WithJsonSchema(
        {
            "anyOf": [
                _CPU_SCHEMA,
                {"type": "array", "items": _CPU_SCHEMA, "minItems": 1},
                {"type": "string", "pattern": surrounding_parsers.CPUS_PATTERN},
            ]
        }
    ),
]
_AMOUNT_SCHEMA: Final[list[dict[str, Any]]] = [
    {"type": "integer", "minimum": 0, "maximum": surrounding_parsers.MAX_LIMIT},
    {
        "type": "string",
        "pattern": (rf"{surrounding_parsers.SIZE_PATTERN}|{parsers.DURATION_PATTERN}|^{INFINITY}$"),
    },
]
_BOTH_SCHEMA: Final = {
    "type": "object",
    "properties": {key: {"anyOf": _AMOUNT_SCHEMA} for key in ("soft", "hard")},
    "additionalProperties": False,
    "minProperties": 1,
}
Limits = Annotated[
    dict[str, Limit] | None,
    PlainValidator(surrounding_parsers.limits),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                name: {"anyOf": [*_AMOUNT_SCHEMA, _BOTH_SCHEMA]}
                for name in surrounding_parsers.RESOURCES
            },
            "additionalProperties": False,
        }
    ),
]
LogLevel = Annotated[
    int | str | None,
    PlainValidator(surrounding_parsers.log_level),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(surrounding_parsers.LOG_LEVELS)},
                {"type": "integer", "minimum": 0, "maximum": parsers.MAX_NUMBER},
            ]
        }
    ),
]
OwnSeconds = Annotated[
    float | None,
    PlainValidator(parsers.seconds_above_zero),
    WithJsonSchema({"anyOf": _DURATION_SCHEMA}),
]
HealthKey = Annotated[
    Health | None,
    PlainValidator(probe_parsers.health),
    WithJsonSchema(probe_parsers.health_schema()),
]
OnEventKey = Annotated[
    tuple[EventHandler, ...],
    PlainValidator(event_handler_parsers.event_handlers),
    WithJsonSchema(event_handler_parsers.event_handlers_schema(_DURATION_SCHEMA)),
]
DurableKey = Annotated[
    Durability | None,
    PlainValidator(parsers.durable),
    WithJsonSchema({"enum": [True, False, *Durability]}),
]
OnGiveUpKey = Annotated[
    OnGiveUp | None,
    PlainValidator(parsers.on_give_up),
    WithJsonSchema({"enum": list(OnGiveUp)}),
]


def _or_with_jitter(*forms: dict[str, Any]) -> dict[str, Any]:
    jitter = {"type": "number", "minimum": 0, "maximum": 1}
    both = {
        "type": "object",
        "properties": {"limit": {"anyOf": list(forms)}, "jitter": jitter},
        "required": ["limit"],
        "additionalProperties": False,
    }
    return {"anyOf": [*forms, both]}


MaxMemory = Annotated[
    Recycle | None,
    PlainValidator(recycling_parsers.max_memory),
    WithJsonSchema(
        _or_with_jitter(
            {"type": "integer", "minimum": 1, "maximum": surrounding_parsers.MAX_LIMIT},
            {"type": "string", "pattern": surrounding_parsers.SIZE_PATTERN},
        )
    ),
]
MaxAge = Annotated[
    Recycle | None,
    PlainValidator(recycling_parsers.max_age),
    WithJsonSchema(_or_with_jitter(*_DURATION_SCHEMA)),
]
MaxMessages = Annotated[
    Recycle | None,
    PlainValidator(recycling_parsers.max_messages),
    WithJsonSchema(
        _or_with_jitter({"type": "integer", "minimum": 1, "maximum": parsers.MAX_NUMBER})
    ),
]
StartTimeout = Annotated[
    float | None,
    PlainValidator(parsers.start_timeout),
    WithJsonSchema({"anyOf": [*_DURATION_SCHEMA, {"const": INFINITY}]}),
    Field(description="How long it may take until it is ready: a duration, or infinity."),
]
ReadyOfProgram = Annotated[
    Readiness | None,
    PlainValidator(probe_parsers.readiness),
    WithJsonSchema(probe_parsers.readiness_schema(of_program=True)),
]
ReadyOfPython = Annotated[
    Readiness | None,
    PlainValidator(probe_parsers.readiness_of_python),
    WithJsonSchema(probe_parsers.readiness_schema(of_program=False)),
]

LogKey = Annotated[
    Log | None,
    PlainValidator(log_parsers.log),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [None, LogTo.INHERIT]},
                {
                    "type": "object",
                    "properties": {
                        "file": _PATH_SCHEMA,
                        "format": {"enum": list(LogFormat)},
                        "max_size": {
                            "anyOf": [
                                {"type": "integer", "minimum": log_parsers.MIN_SIZE},
                                {"type": "string", "pattern": surrounding_parsers.SIZE_PATTERN},
                            ]
                        },
                        "keep": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": log_parsers.MAX_KEPT,
                        },
                    },
                    "additionalProperties": False,
                },
            ]
        }
    ),
]

_INTENSITY: Final = RestartIntensity()
_BACKOFF: Final = Backoff()

# Only a dynamic supervisor can do without children in the file.
_CHILDREN_OR_DYNAMIC: Final[dict[str, Any]] = {
    "anyOf": [
        {"required": ["children"]},
        {"properties": {"strategy": {"const": Strategy.DYNAMIC}}, "required": ["strategy"]},
    ]
}


class Fields(BaseModel):
    """Strict: a bool is no int, a number is no string, an unknown key is a mistake."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


class BackoffFields(Fields):
    """The waits before the next starts of a child that fails."""

    initial: Duration = Field(_BACKOFF.initial, description="The wait before the second restart.")
    factor: Factor = Field(_BACKOFF.factor, description="By which each later wait is longer.")
    max: Period = Field(_BACKOFF.max, description="The longest wait.")
    jitter: Share = Field(
        _BACKOFF.jitter, description="By which part a wait is longer or shorter, at random."
    )
    reset_after: Duration = Field(
        _BACKOFF.reset_after, description="How long a child is up for the waits to begin anew."
    )


def _backoff(fields: BackoffFields | None) -> Backoff:
    assert fields is not None, "`parsers.backoff` lets none through"
    if fields.max < fields.initial:
        raise parsers.wanted("a max that is not below initial")
    return Backoff(**fields.model_dump())


BackoffKey = Annotated[
    BackoffFields | None,
    BeforeValidator(parsers.backoff),
    AfterValidator(_backoff),
]


class SurroundingsFields(Fields):
    """What a process starts in; on a supervisor it holds for all children below."""

    env: Environment = Field(None, description="Variables of its environment.")
    env_file: EnvFiles = Field(
        None, description="Files of variables in dotenv syntax; with ? at the end, if there."
    )
    inherit_env: InheritEnv = Field(
        None, description="Whether it gets the node's environment, or which names of it."
    )
    cwd: Folder = Field(None, description="Its working directory; relative to the tree's file.")
    user: Account = Field(None, description="The user that it runs as.")
    group: Account = Field(None, description="The group that it runs as; the user's if left out.")
    umask: Umask = Field(None, description='Its umask in octal, such as "022".')
    nice: Nice = Field(None, description="Its nice value, from -20 to 19.")
    cpu_affinity: Cpus = Field(None, description="The CPUs that it runs on, such as 0-3,8.")
    limits: Limits = Field(None, description="Its resource limits, such as {nofile: 4096}.")
    log_level: LogLevel = Field(
        None, description="From which level on records of logging are logged; INFO if left out."
    )


class InheritableFields(SurroundingsFields):
    """What holds for all children below when it stands on a supervisor: `Inheritable`."""

    backoff: BackoffKey = Field(
        None, description="How long a child that failed waits for its next start: true, or details."
    )
    log: LogKey = Field(
        None, description="Where its output is logged: details of a file, inherit, or null."
    )


class SupervisorFields(InheritableFields):
    """The keys of every supervisor, the one at the top included."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra=_CHILDREN_OR_DYNAMIC)

    strategy: Annotated[Strategy, Field(strict=False)] = Field(
        Strategy.ONE_FOR_ONE, description="Which siblings a child's restart takes along."
    )
    max_restarts: MaxRestarts = _INTENSITY.max_restarts
    max_seconds: MaxSeconds = _INTENSITY.max_seconds
    auto_shutdown: Annotated[AutoShutdown, Field(strict=False)] = Field(
        AutoShutdown.NEVER,
        description="Whether the end of significant children ends the supervisor.",
    )
    max_children: MaxChildren = Field(
        INFINITY,
        validate_default=True,
        description="How many children a dynamic supervisor may have, or infinity.",
    )
    sockets: Sockets = Field(
        {}, description="What is listened on for children below, by name: {web: 127.0.0.1:8000}."
    )
    template: "Template | None" = Field(
        None, description="What every child of a dynamic supervisor is made from."
    )
    # Whether it may be left out is for `rules`: they know the strategy.
    children: "list[Child]" = Field([], description="The children, in the order of their start.")


class ChildFields(Fields):
    """The keys of every child."""

    id: Name = Field(description="Unique among its siblings; the process is registered under it.")
    restart: Annotated[Restart, Field(strict=False)] = Field(
        Restart.PERMANENT, description="After which ends the child is started again."
    )
    significant: Flag = Field(
        False, description="Its end may end its supervisor, as auto_shutdown says."
    )
    essential: Flag = Field(
        False, description="Its end, if it is not restarted, ends the node with its exit status."
    )
    max_memory: MaxMemory = Field(
        None, description="Memory of all its processes at which it is replaced, such as 512MiB."
    )
    max_age: MaxAge = Field(None, description="The age at which it is replaced, such as 12h.")
    start_timeout: StartTimeout = None


class WorkerFields(InheritableFields, ChildFields):
    """The keys of a child without children."""

    shutdown: Budget = Field(
        DEFAULT_SHUTDOWN_S,
        description="How long it may take to stop: a duration, brutal_kill or infinity.",
    )
    stop_signal: StopSignal = Field(
        DEFAULT_STOP_SIGNAL, description="The signal that asks it to stop, such as QUIT."
    )
    stop_group: Flag = Field(
        False, description="Whether every process of its group gets that signal at once."
    )
    health: HealthKey = Field(
        None, description="What is asked of it while it runs, such as {tcp: 6379}."
    )
    watchdog: OwnSeconds = Field(
        None, description="How long it may be at work, or give no sign of life, such as 30s."
    )
    stdin: Stdin = Field(None, description="The path of what it reads; null for /dev/null.")
    sockets: SocketNames = Field(
        (), description="The sockets of supervisors above that it gets, by name, such as [web]."
    )


class OnGiveUpFields(Fields):
    """Whether a child that failed too often, or a supervisor that gave up, concerns others."""

    on_give_up: OnGiveUpKey = Field(
        None,
        description="When it failed too often: its supervisor gives up, or only it stays down.",
    )


class LimitsFields(OnGiveUpFields):
    """Limits of a child's own: its restarts do not count at its supervisor, then."""

    max_restarts: MaxRestarts = Field(
        None, description="More restarts than this within max_seconds are too many; or infinity."
    )
    max_seconds: OwnSeconds = Field(
        None, description="The period of max_restarts: seconds, or 250ms, 5s, 2m, 1h."
    )


class ServerFields(WorkerFields):
    """The keys of a GenServer or a function, however many instances it has."""

    start: Target = Field(description="module:attribute of a GenServer subclass or a function.")
    args: Arguments = Field(
        (), description="Positional (a list) or keyword arguments (a mapping) for init."
    )
    max_messages: MaxMessages = Field(
        None, description="The number of messages after which it is replaced."
    )
    ready: ReadyOfPython = Field(
        None, description="What makes it ready once its init has returned: notify, or a probe."
    )
    spare: Spare = Field(
        0, description="How many processes are forked ahead, with its module imported."
    )
    durable: DurableKey = Field(
        None, description="Whether its state survives: process (true), disk (a loss of power, too)."
    )


class ServerChild(LimitsFields, ServerFields):
    """A GenServer or a function."""

    name: Name = Field("", description="A name in the whole tree, which it alone has.")


class InstancesChild(OnGiveUpFields, ServerFields):
    """A GenServer or a function in several instances, below a supervisor of their own.

    `restart` and `shutdown` are those of each instance, the intensity and `on_give_up` are their
    supervisor's.
    """

    instances: Instances = Field(description="How many processes share the work.")
    max_restarts: MaxRestarts = _INTENSITY.max_restarts
    max_seconds: MaxSeconds = _INTENSITY.max_seconds


class CommandChild(LimitsFields, WorkerFields):
    """A program that is not Python."""

    command: Command = Field(description="The program and its arguments, such as [caddy, run].")
    ready: ReadyOfProgram = Field(
        None, description="What makes it ready: notify, a newline at fd, or a probe."
    )


class ServerTemplate(LimitsFields, ServerFields):
    """A GenServer or a function, as often as it is asked for."""

    id: Name = Field("worker", description="What the ids begin with that are not given.")


class CommandTemplate(CommandChild):
    """A program that is not Python, as often as it is asked for."""

    id: Name = Field("worker", description="What the ids begin with that are not given.")


class Copy(Fields):
    """The keys that a child made from a template has of its own."""

    id: Name | None = Field(None, description="Unique among its siblings.")
    args: Arguments = Field((), description="Arguments that come after the template's.")


class SupervisorChild(OnGiveUpFields, SupervisorFields, ChildFields):
    """A supervisor below another one."""

    shutdown: Budget = Field(
        INFINITY,
        description="How long it may take to stop: a duration, brutal_kill or infinity.",
    )


KINDS: Final[dict[str, type[ChildFields]]] = {
    "start": ServerChild,
    "command": CommandChild,
    "children": SupervisorChild,
}


MODELS: Final[dict[str, type[ChildFields]]] = {**KINDS, "instances": InstancesChild}


def kind(child: object) -> str:
    """Return by which of its keys a child is read: the first that makes it a kind, else `start`.

    A dynamic supervisor needs no `children` to be known as a supervisor, and what has
    `instances` beside its `start` is a kind of its own.
    """
    keys = child if isinstance(child, dict) else {}
    is_dynamic = keys.get("strategy") == Strategy.DYNAMIC
    found = next((key for key in keys if key in KINDS), "children" if is_dynamic else "start")
    return "instances" if found == "start" and "instances" in keys else found


Child: TypeAlias = Annotated[
    Annotated[ServerChild, Tag("start")]
    | Annotated[InstancesChild, Tag("instances")]
    | Annotated[CommandChild, Tag("command")]
    | Annotated[SupervisorChild, Tag("children")],
    Discriminator(kind),
]


def template_kind(template: object) -> str:
    """Return by which of its keys a template is read."""
    return "command" if kind(template) == "command" else "start"


Template: TypeAlias = Annotated[
    Annotated[ServerTemplate, Tag("start")] | Annotated[CommandTemplate, Tag("command")],
    Discriminator(template_kind),
]


class Tree(SupervisorFields):
    """A supervision tree."""

    name: Name = Field(
        "",
        description="The node's name; the file's stem unless given.",
    )
    on_event: OnEventKey = Field(
        (), description="A program to run for each event, or a server to cast it to; or several."
    )
