"""The fields of a tree, as pydantic models: one for the top and one for each kind of child."""

from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from otpy.config import parsers
from otpy.core.spec import (
    DEFAULT_SHUTDOWN_S,
    DEFAULT_STOP_SIGNAL,
    INFINITY,
    AutoShutdown,
    NoBudget,
    Restart,
    RestartIntensity,
    ShutdownBudget,
    Strategy,
)

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

MaxRestarts = Annotated[
    int,
    Field(
        ge=0,
        le=parsers.MAX_NUMBER,
        description="More restarts than this within max_seconds, and the supervisor gives up.",
    ),
]
MaxSeconds = Annotated[
    Period, Field(description="The period of max_restarts: seconds, or 250ms, 5s, 2m, 1h.")
]

_INTENSITY: Final = RestartIntensity()

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


class SupervisorFields(Fields):
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


class WorkerFields(ChildFields):
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


class ServerFields(WorkerFields):
    """The keys of a GenServer or a function, however many instances it has."""

    start: Target = Field(description="module:attribute of a GenServer subclass or a function.")
    args: Arguments = Field(
        (), description="Positional (a list) or keyword arguments (a mapping) for init."
    )


class ServerChild(ServerFields):
    """A GenServer or a function."""

    name: Name = Field("", description="A name in the whole tree, which it alone has.")


class InstancesChild(ServerFields):
    """A GenServer or a function in several instances, below a supervisor of their own.

    `restart` and `shutdown` are those of each instance, the intensity is their supervisor's.
    """

    instances: Instances = Field(description="How many processes share the work.")
    max_restarts: MaxRestarts = _INTENSITY.max_restarts
    max_seconds: MaxSeconds = _INTENSITY.max_seconds


class CommandChild(WorkerFields):
    """A program that is not Python."""

    command: Command = Field(description="The program and its arguments, such as [caddy, run].")


class ServerTemplate(ServerFields):
    """A GenServer or a function, as often as it is asked for."""

    id: Name = Field("worker", description="What the ids begin with that are not given.")


class CommandTemplate(CommandChild):
    """A program that is not Python, as often as it is asked for."""

    id: Name = Field("worker", description="What the ids begin with that are not given.")


class Copy(Fields):
    """The keys that a child made from a template has of its own."""

    id: Name | None = Field(None, description="Unique among its siblings.")
    args: Arguments = Field((), description="Arguments that come after the template's.")


class SupervisorChild(SupervisorFields, ChildFields):
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
