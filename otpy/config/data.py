"""A child as plain data, the YAML's fields: how `start_child` and `get_childspec` speak of it."""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, assert_never

from otpy.config.probe_data import probe_to_data
from otpy.config.same_names import same_fields
from otpy.core.event_handler import EventHandler
from otpy.core.health import Health
from otpy.core.log import Log, LogTo
from otpy.core.messages import StartCopy
from otpy.core.probes import Readiness
from otpy.core.spec import (
    INFINITY,
    WORKERS_ONLY,
    ChildSpec,
    CommandStart,
    Essential,
    Inheritable,
    RestartIntensity,
    ServerStart,
    Start,
    SupervisorSpec,
)
from otpy.errors import SpecError


def child_from_data(data: object, *, where: str = "child") -> ChildSpec:
    """Return the spec of a child from its fields in YAML.

    Nothing is imported. Whether the child may be `significant` depends on the supervisor that
    it is for, which decides it; below it that is checked here.

    Args:
        data: A mapping such as ``{"id": "w3", "start": "shop.workers:Worker"}``.
        where: What the mistakes call it.

    Raises:
        SpecError: With a line for each mistake: ``child.restart: got 'always', expected ...``.
    """
    # Only a program that reads fields pays for pydantic: 90 ms and 18 MB.
    from otpy.config.reading import read_child  # noqa: PLC0415

    child, mistakes = read_child(data, where)
    if child is None:
        raise SpecError(mistakes)
    return child


def is_copy(data: object) -> bool:
    """Return whether these are the fields of a child that is made from a template."""
    return isinstance(data, dict) and data.keys() <= {"id", "args"}


def copy_from_data(data: object, *, where: str = "child") -> StartCopy:
    """Read the fields of a child made from a template.

    Args:
        data: A mapping such as ``{"args": [5]}``; an ``id`` may be in it.
        where: What the mistakes call it.

    Raises:
        SpecError: With a line for each mistake.
    """
    from otpy.config.reading import read_copy  # noqa: PLC0415 - as above

    copy, mistakes = read_copy(data, where)
    if copy is None:
        raise SpecError(mistakes)
    return copy


def child_to_data(spec: ChildSpec) -> dict[str, object]:
    """Return the fields that `spec` is written with in YAML, defaults filled in."""
    if isinstance(spec.start, SupervisorSpec) and spec.start.instances:
        return _instances_to_data(spec, spec.start)
    own = _same_to_data(spec, of_worker=not spec.is_supervisor)
    if spec.essential is Essential.ANY_END:
        del own["restart"]  # which would say that only the last one counts
    return {
        "id": own.pop("id"),
        "essential": spec.essential is not Essential.NO,
        **_start_to_data(spec.start),
        **own,
        **_inheritable_to_data(spec.inheritable),
        **_own_intensity_to_data(spec),
    }


def tree_to_data(spec: SupervisorSpec) -> dict[str, object]:
    """Return the fields that a tree is written with in YAML, defaults filled in."""
    data = {**_supervisor_to_data(spec), **_inheritable_to_data(spec)}
    if spec.on_event:
        data["on_event"] = [_handler_to_data(each) for each in spec.on_event]
    return data


def _handler_to_data(handler: EventHandler) -> dict[str, object]:
    what = {"cast": handler.server} if handler.server else {"exec": list(handler.program)}
    events = {"events": list(handler.events)} if handler.events else {}
    return {**what, **events, "timeout": handler.timeout}


def tree_from_data(
    data: Mapping[str, object], by_hand: Collection[str] = (), deleted: Collection[str] = ()
) -> SupervisorSpec:
    """Return the spec of a tree from the fields that it is written with, its paths absolute.

    Args:
        data: As `tree_to_data` returns them.
        by_hand: Paths of the children that `start_child` has added.
        deleted: Paths of instances that there are no more.

    Raises:
        SpecError: With a line for each mistake.
    """
    from otpy.config.reading import tree_of_data  # noqa: PLC0415 - as above

    spec = tree_of_data(data)
    if not by_hand and not deleted:
        return spec
    return _as_done(spec, frozenset(by_hand), frozenset(deleted), "")


def _as_done(
    spec: SupervisorSpec, by_hand: frozenset[str], deleted: frozenset[str], above: str
) -> SupervisorSpec:
    """Return the spec with what was done by hand."""
    children = []
    for child in spec.children:
        path = f"{above}{child.id}"
        if path in deleted:
            continue
        if isinstance(child.start, SupervisorSpec):
            below = _as_done(child.start, by_hand, deleted, f"{path}/")
            children.append(replace(child, start=below, by_hand=path in by_hand))
        else:
            children.append(replace(child, by_hand=True) if path in by_hand else child)
    return replace(spec, children=tuple(children))


def _inheritable_to_data(given: Inheritable) -> dict[str, object]:
    return {
        **_same_to_data(given, Inheritable),
        **_same_to_data(given.surroundings),
        **_log_to_data(given.log),
    }


def _log_to_data(log: Log | None) -> dict[str, object]:
    if log is None:
        return {}
    return {"log": None if log is LogTo.NOWHERE else _plain(log)}


def _own_intensity_to_data(spec: ChildSpec) -> dict[str, object]:
    if spec.own_intensity is None:
        return {}
    return {**_intensity_to_data(spec.own_intensity), "on_give_up": str(spec.on_give_up)}


def _intensity_to_data(intensity: RestartIntensity) -> dict[str, object]:
    return {"max_restarts": _or_infinity(intensity.max_restarts), **_same_to_data(intensity)}


def _or_infinity(limit: int | None) -> int | str:
    return str(INFINITY) if limit is None else limit


def _instances_to_data(spec: ChildSpec, pool: SupervisorSpec) -> dict[str, object]:
    each = replace(
        pool.children[0], id=spec.id, significant=spec.significant, essential=spec.essential
    )
    return {
        **child_to_data(each),
        "instances": pool.instances,
        **_intensity_to_data(pool.intensity),
        **_own_intensity_to_data(spec),
    }


def _start_to_data(start: Start) -> dict[str, object]:
    match start:
        case ServerStart(target=target, args=args, kwargs=kwargs):
            assert not (args and kwargs), "YAML has no words for both"
            given = dict(kwargs) if kwargs else list(args)
            return {"start": target, "args": given, **_same_to_data(start)}
        case CommandStart(argv=argv):
            return {"command": list(argv), **_same_to_data(start)}
        case SupervisorSpec():
            return _supervisor_to_data(start)
        case _:
            assert_never(start)


def _supervisor_to_data(spec: SupervisorSpec) -> dict[str, object]:
    data = {
        **_same_to_data(spec),
        **_intensity_to_data(spec.intensity),
    }
    if spec.is_dynamic:
        data["max_children"] = _or_infinity(spec.max_children)
    if spec.template is not None:
        data["template"] = child_to_data(spec.template)
    data["children"] = [child_to_data(child) for child in spec.children]
    return data


def value_to_data(value: object) -> object:
    """Return the value of a field of a spec as YAML has it."""
    if isinstance(value, EventHandler):
        return _handler_to_data(value)
    if isinstance(value, tuple):
        return [value_to_data(each) for each in value]
    return None if value is LogTo.NOWHERE else _plain(value)


def _same_to_data(
    record: Any, kind: type | None = None, *, of_worker: bool = True
) -> dict[str, object]:
    """Return the keys of a record that are fields by the same name, but for those not given.

    Args:
        record: Of a class in `otpy.core.spec`.
        kind: That class, or a base of it whose fields alone are meant.
        of_worker: Whether the keys that only a worker has are written, too.
    """
    return {
        each.name: _plain(value)
        for each in same_fields(kind or type(record))
        if (of_worker or not each.metadata.items() >= WORKERS_ONLY.items())
        and not _is_left_out(value := getattr(record, each.name))
    }


def _is_left_out(value: object) -> bool:
    """Return whether `value` is what a field holds whose key is not given."""
    return value is None or value == ""


def _plain(value: object) -> object:
    """Return the value of a field as YAML has it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Health | Readiness):
        return probe_to_data(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        plain = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        return {name: each for name, each in plain.items() if each is not None}
    return value
