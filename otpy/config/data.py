"""A child as plain data, the YAML's fields: how `start_child` and `get_childspec` speak of it."""

from dataclasses import replace
from typing import assert_never

from otpy.core.messages import StartCopy
from otpy.core.spec import (
    INFINITY,
    ChildSpec,
    CommandStart,
    NoBudget,
    RestartIntensity,
    ServerStart,
    SupervisorSpec,
)
from otpy.errors import SpecError


def child_from_data(data: object, *, where: str = "child") -> ChildSpec:
    """Make a spec of the fields that a child has in YAML.

    Nothing is imported. Whether the child may be `significant` depends on the supervisor that
    it is for, which decides it; below it that is checked here.

    Args:
        data: A mapping such as ``{"id": "w3", "start": "shop.workers:Worker"}``.
        where: What the mistakes call it.

    Raises:
        SpecError: With a line for each mistake: ``child.restart: got 'always', expected ...``.
    """
    # Only who reads fields pays for pydantic: 90 ms and 18 MB.
    from otpy.config.reading import read_child  # noqa: PLC0415

    child, mistakes = read_child(data, where)
    if child is None:
        raise SpecError(mistakes)
    return child


def is_copy(data: object) -> bool:
    """Tell whether these are the fields of a child that is made from a template."""
    return isinstance(data, dict) and data.keys() <= {"id", "args"}


def copy_from_data(data: object, *, where: str = "child") -> StartCopy:
    """Read what a child has of its own that is made from its supervisor's template.

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
    """Give the fields that `spec` is written with in YAML, defaults filled in."""
    if isinstance(spec.start, SupervisorSpec) and spec.start.instances:
        return _instances_to_data(spec.id, spec.start)
    return {
        "id": spec.id,
        **_start_to_data(spec),
        "restart": str(spec.restart),
        "shutdown": str(spec.shutdown) if isinstance(spec.shutdown, NoBudget) else spec.shutdown,
        "significant": spec.significant,
        **_stop_to_data(spec),
    }


def _stop_to_data(spec: ChildSpec) -> dict[str, object]:
    if spec.is_supervisor:
        return {}
    return {"stop_signal": spec.stop_signal, "stop_group": spec.stop_group}


def _instances_to_data(id_: str, pool: SupervisorSpec) -> dict[str, object]:
    return {
        **child_to_data(replace(pool.children[0], id=id_)),
        "instances": pool.instances,
        **_intensity_to_data(pool.intensity),
    }


def _start_to_data(spec: ChildSpec) -> dict[str, object]:
    match spec.start:
        case ServerStart(target, args, kwargs, name=name):
            assert not (args and kwargs), "YAML has no words for both"
            named = {"name": name} if name else {}
            return {"start": target, "args": dict(kwargs) if kwargs else list(args), **named}
        case CommandStart(argv):
            return {"command": list(argv)}
        case SupervisorSpec():
            return _supervisor_to_data(spec.start)
        case _:
            assert_never(spec.start)


def _supervisor_to_data(spec: SupervisorSpec) -> dict[str, object]:
    data: dict[str, object] = {
        "strategy": str(spec.strategy),
        **_intensity_to_data(spec.intensity),
        "auto_shutdown": str(spec.auto_shutdown),
    }
    if spec.is_dynamic:
        limit = spec.max_children
        data["max_children"] = str(INFINITY) if limit is None else limit
    if spec.template is not None:
        data["template"] = child_to_data(spec.template)
    data["children"] = [child_to_data(child) for child in spec.children]
    return data


def _intensity_to_data(limit: RestartIntensity) -> dict[str, object]:
    return {"max_restarts": limit.max_restarts, "max_seconds": limit.max_seconds}
