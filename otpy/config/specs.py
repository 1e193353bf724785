"""From checked fields to specs, and from a spec back to the fields it is written with."""

from dataclasses import replace

from otpy.config.model import (
    Child,
    CommandChild,
    InstancesChild,
    ServerChild,
    ServerFields,
    SupervisorChild,
    SupervisorFields,
    Template,
)
from otpy.core.spec import (
    INFINITY,
    ChildSpec,
    CommandStart,
    RestartIntensity,
    ServerStart,
    Start,
    SupervisorSpec,
    supervisor_of_instances,
)


def supervisor_spec(fields: SupervisorFields) -> SupervisorSpec:
    """Make the spec of a supervisor and of all below it."""
    return SupervisorSpec(
        strategy=fields.strategy,
        intensity=_intensity(fields),
        auto_shutdown=fields.auto_shutdown,
        children=tuple(child_spec(child) for child in fields.children),
        max_children=fields.max_children,
        template=child_spec(fields.template) if fields.template is not None else None,
    )


def child_spec(fields: Child | Template) -> ChildSpec:
    """Make the spec of a child and of all below it."""
    if isinstance(fields, InstancesChild):
        # What is said of restart and shutdown is said of each instance.
        return ChildSpec(fields.id, _instances(fields), shutdown=INFINITY)
    return ChildSpec(fields.id, _start(fields), fields.restart, fields.shutdown, fields.significant)


def _start(fields: Child | Template) -> Start:
    match fields:
        case SupervisorChild():
            return supervisor_spec(fields)
        case CommandChild():
            return CommandStart(tuple(fields.command))
        case ServerChild(name=name):
            return replace(_server_start(fields), name=name)
        case _:
            return _server_start(fields)


def _server_start(fields: ServerFields) -> ServerStart:
    if isinstance(fields.args, dict):
        return ServerStart(fields.start, kwargs=dict(fields.args))
    return ServerStart(fields.start, args=tuple(fields.args))


def _instances(fields: InstancesChild) -> SupervisorSpec:
    start, limit = _server_start(fields), _intensity(fields)
    return supervisor_of_instances(start, fields.instances, limit, fields.restart, fields.shutdown)


def _intensity(fields: SupervisorFields | InstancesChild) -> RestartIntensity:
    return RestartIntensity(fields.max_restarts, fields.max_seconds)
