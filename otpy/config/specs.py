"""From checked fields to specs, and from a spec back to the fields it is written with."""

from otpy.config.model import Child, CommandChild, ServerChild, SupervisorChild, SupervisorFields
from otpy.core.spec import (
    ChildSpec,
    CommandStart,
    RestartIntensity,
    ServerStart,
    Start,
    SupervisorSpec,
)


def supervisor_spec(fields: SupervisorFields) -> SupervisorSpec:
    """Make the spec of a supervisor and of all below it."""
    return SupervisorSpec(
        strategy=fields.strategy,
        intensity=RestartIntensity(fields.max_restarts, fields.max_seconds),
        auto_shutdown=fields.auto_shutdown,
        children=tuple(child_spec(child) for child in fields.children),
        max_children=fields.max_children,
        template=child_spec(fields.template) if fields.template is not None else None,
    )


def child_spec(fields: Child) -> ChildSpec:
    """Make the spec of a child and of all below it."""
    return ChildSpec(fields.id, _start(fields), fields.restart, fields.shutdown, fields.significant)


def _start(fields: Child) -> Start:
    match fields:
        case SupervisorChild():
            return supervisor_spec(fields)
        case CommandChild():
            return CommandStart(tuple(fields.command))
        case ServerChild(args=dict(keywords)):
            return ServerStart(fields.start, kwargs=dict(keywords))
        case ServerChild():
            return ServerStart(fields.start, args=tuple(fields.args))
