"""Another number of instances of a child."""

from dataclasses import replace

from otpy.core.spec import ChildSpec, ServerStart, SupervisorSpec, supervisor_of_instances
from otpy.errors import OtpyError


def scaled(tree: SupervisorSpec, path: str, count: int) -> SupervisorSpec:
    """Return the spec of a tree in which the child at `path` has `count` instances.

    Raises:
        OtpyError: It has no instances at all.
    """
    return _scaled(tree, path.split("/"), path, count)


def _scaled(spec: SupervisorSpec, ids: list[str], path: str, count: int) -> SupervisorSpec:
    children = tuple(
        [
            _scaled_child(child, ids, path, count) if child.id == ids[0] else child
            for child in spec.children
        ]
    )
    return replace(spec, children=children)


def _scaled_child(child: ChildSpec, ids: list[str], path: str, count: int) -> ChildSpec:
    start = child.start
    if len(ids) > 1 and isinstance(start, SupervisorSpec):
        return replace(child, start=_scaled(start, ids[1:], path, count))
    if not isinstance(start, SupervisorSpec) or not start.instances:
        raise OtpyError(f"{path!r} has no instances: only a child with the key `instances` has")
    first = start.children[0]
    assert isinstance(first.start, ServerStart)
    pool = supervisor_of_instances(first, count, start.intensity)
    wanted = replace(start, children=pool.children, instances=count)
    return replace(child, start=wanted)
