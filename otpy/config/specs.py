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
    WorkerFields,
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
        # What is said of restart and of stopping is said of each instance.
        return ChildSpec(fields.id, _instances(fields), shutdown=INFINITY)
    spec = ChildSpec(fields.id, _start(fields), fields.restart, fields.shutdown, fields.significant)
    return spec if isinstance(fields, SupervisorChild) else _with_stop(spec, fields)


def _with_stop(spec: ChildSpec, fields: WorkerFields) -> ChildSpec:
    return replace(spec, stop_signal=fields.stop_signal, stop_group=fields.stop_group)


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
    each = ChildSpec(fields.id, _server_start(fields), fields.restart, fields.shutdown)
    return supervisor_of_instances(_with_stop(each, fields), fields.instances, _intensity(fields))


def _intensity(fields: SupervisorFields | InstancesChild) -> RestartIntensity:
    return RestartIntensity(fields.max_restarts, fields.max_seconds)
