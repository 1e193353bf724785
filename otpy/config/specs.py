"""Convert checked fields to specs."""

from dataclasses import replace
from typing import Any

from otpy.config.fields import (
    Child,
    CommandChild,
    Fields,
    InheritableFields,
    InstancesChild,
    LimitsFields,
    OnGiveUpFields,
    ServerFields,
    SupervisorChild,
    SupervisorFields,
    Template,
)
from otpy.config.same_names import same_fields
from otpy.core.spec import (
    INFINITY,
    ChildSpec,
    CommandStart,
    Essential,
    Inheritable,
    OnGiveUp,
    RestartIntensity,
    ServerStart,
    Start,
    SupervisorSpec,
    supervisor_of_instances,
)
from otpy.core.surroundings import NODES, Surroundings


def supervisor_spec(fields: SupervisorFields) -> SupervisorSpec:
    """Return the spec of a supervisor and of all below it."""
    return SupervisorSpec(
        **_same(SupervisorSpec, fields),
        intensity=_intensity(fields),
        children=tuple(child_spec(child) for child in fields.children),
        max_children=fields.max_children,
        template=child_spec(fields.template) if fields.template is not None else None,
        **_inheritable(fields),
    )


def child_spec(fields: Child | Template) -> ChildSpec:
    """Return the spec of a child and of all below it."""
    start = _start(fields)
    essential = _essential(fields)
    if isinstance(start, SupervisorSpec):
        same = {**_same(ChildSpec, fields), "essential": essential}
        return _supervisor_child(fields, start, same)
    own = {**_inheritable(fields), **_own_intensity(fields), "essential": essential}
    spec = ChildSpec(start=start, **own, **_same(ChildSpec, fields))
    if not isinstance(fields, InstancesChild):
        return spec
    # The keys about restart and stopping apply to each instance.
    pool = supervisor_of_instances(spec, fields.instances, _intensity(fields))
    same = {"id": fields.id, "shutdown": INFINITY, "significant": fields.significant}
    return _supervisor_child(fields, pool, {**same, "essential": essential})


def _essential(fields: Child | Template) -> Essential:
    """Return which end of a child ends the node: each, unless it is said which ones restart it."""
    if not fields.essential:
        return Essential.NO
    return Essential.LAST_END if "restart" in fields.model_fields_set else Essential.ANY_END


def _supervisor_child(
    fields: Child | Template, start: SupervisorSpec, same: dict[str, Any]
) -> ChildSpec:
    """Return a supervisor as a child; one that stays down counts its own restarts."""
    spec = ChildSpec(start=start, **same)
    if not isinstance(fields, OnGiveUpFields) or fields.on_give_up is not OnGiveUp.STAY_DOWN:
        return spec
    return replace(spec, own_intensity=start.intensity, on_give_up=fields.on_give_up)


def _inheritable(fields: Fields) -> dict[str, Any]:
    log = fields.log if isinstance(fields, InheritableFields) else None
    return {"surroundings": surroundings_of(fields), "log": log, **_same(Inheritable, fields)}


def surroundings_of(fields: Fields) -> Surroundings:
    """Return what is said of surroundings in these fields themselves."""
    given = Surroundings(**_same(Surroundings, fields))
    return NODES if given == NODES else given


def _start(fields: Child | Template) -> Start:
    match fields:
        case SupervisorChild():
            return supervisor_spec(fields)
        case CommandChild():
            return CommandStart(argv=tuple(fields.command), **_same(CommandStart, fields))
        case _:
            return _server_start(fields)


def _server_start(fields: ServerFields) -> ServerStart:
    given = fields.args
    args, kwargs = ((), dict(given)) if isinstance(given, dict) else (tuple(given), {})
    same = _same(ServerStart, fields)
    return ServerStart(target=fields.start, args=args, kwargs=kwargs, **same)


def _intensity(fields: SupervisorFields | InstancesChild) -> RestartIntensity:
    return RestartIntensity(**_same(RestartIntensity, fields))


def _own_intensity(fields: Child | Template) -> dict[str, Any]:
    """Return the intensity of a child's own, if it has one: what it does not say is as usual."""
    if not isinstance(fields, LimitsFields):
        return {}
    on_give_up = fields.on_give_up or OnGiveUp.ESCALATE
    given = fields.model_fields_set & {each.name for each in same_fields(RestartIntensity)}
    if not given and on_give_up is OnGiveUp.ESCALATE:
        return {}
    intensity = RestartIntensity(**{name: getattr(fields, name) for name in given})
    return {"own_intensity": intensity, "on_give_up": on_give_up}


def _same(record: type, fields: Fields) -> dict[str, Any]:
    """Return the fields that have the same names in a class of `otpy.core.spec`."""
    keys = type(fields).model_fields
    names = (each.name for each in same_fields(record))
    return {name: getattr(fields, name) for name in names if name in keys}
