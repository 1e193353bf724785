"""What a supervisor passes down to its children: the fields of `Inheritable`, whichever those are.

That is done when a spec is made: of a tree's file, and of what `start_child` adds. Nothing else
knows of it: each child's spec says all that holds for it.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final, TypeVar

from otpy.core.sockets import SocketSpec
from otpy.core.spec import ChildSpec, Inheritable, SupervisorSpec

_NAMES: Final = tuple([each.name for each in fields(Inheritable)])

Own = TypeVar("Own", bound=Inheritable)


def passed_down(spec: SupervisorSpec, above: Inheritable, folder: str) -> SupervisorSpec:
    """Return a supervisor's spec in which every child has what it inherits.

    Args:
        spec: Of the supervisor.
        above: What holds where the supervisor stands.
        folder: The one that relative paths start from.
    """
    own = replace(_inheriting(spec, above, folder), folder=folder)
    template = own.template and placed(own.template, own, folder)
    children = tuple([placed(child, own, folder) for child in own.children])
    return replace(own, children=children, template=template)


def placed(child: ChildSpec, above: Inheritable, folder: str) -> ChildSpec:
    """Return a child's spec with what it inherits; the arguments are as of `passed_down`."""
    if isinstance(child.start, SupervisorSpec):
        return replace(child, start=passed_down(child.start, above, folder))
    return _inheriting(child, above, folder)


def _inheriting(own: Own, above: Inheritable, folder: str) -> Own:
    changed: dict[str, Any] = {}
    for name in _NAMES:
        given = getattr(own, name)
        value = _value(given, getattr(above, name), folder)
        if value is not given:
            changed[name] = value
    return replace(own, **changed) if changed else own


def _value(given: Any, above: Any, folder: str) -> Any:
    """Return the value of one field, where it may be inherited.

    One with relative paths has a method `in_folder(folder)`, which makes them absolute; one with
    parts, of which each is inherited by itself, has `inherit(above)`.
    """
    if given is None:
        return above
    # Not by Protocols: to look whether a value is of one takes microseconds, and each child that
    # is started comes by here.
    if hasattr(given, "in_folder"):
        given = given.in_folder(folder)
    if hasattr(given, "inherit") and isinstance(above, type(given)):
        return given.inherit(above)
    return given


def with_sockets(
    spec: SupervisorSpec, above: Mapping[str, SocketSpec] | None = None
) -> SupervisorSpec:
    """Return the spec of a whole tree in which each child's says where its sockets listen."""
    known = {**(above or {}), **spec.sockets}
    template = spec.template and _with_sockets(spec.template, known)
    children = tuple([_with_sockets(child, known) for child in spec.children])
    return replace(spec, children=children, template=template)


def _with_sockets(child: ChildSpec, known: Mapping[str, SocketSpec]) -> ChildSpec:
    start = child.start
    if isinstance(start, SupervisorSpec):
        return replace(child, start=with_sockets(start, known))
    if not start.sockets:
        return child
    listening = tuple([known[name].place for name in start.sockets])
    return replace(child, start=replace(start, listening=listening))
