"""The values of the supervisor API: a supervisor's children, and the spec to start one."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from otpy.errors import OtpyError
from otpy.links.protocol import error_of


class ChildInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A child as its supervisor sees it.

    Attributes:
        id: Unique among its siblings.
        state: ``running``, ``restarting``, ``backoff``, ``failed`` or ``undefined``, which is not
            running.
        kind: ``supervisor``, ``worker`` or ``command``.
        pid: Of the present incarnation; None when there is no process.
        incarnation: How often it was started.
    """

    id: str
    state: str
    kind: str
    pid: int | None = None
    incarnation: int = 0


class ChildCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a supervisor's children.

    Attributes:
        specs: All of them, running or not.
        active: Those that run.
        supervisors: Those that are supervisors, running or not.
        workers: Those that are not, running or not.
    """

    specs: int
    active: int
    supervisors: int
    workers: int


class Result(msgspec.Struct):
    """The result for one child of many."""

    child: ChildInfo | None = None
    error: str = ""
    arguments: list[Any] = []

    def value(self) -> ChildInfo | OtpyError:
        """Return the child, or why there is none."""
        return self.child if self.child is not None else error_of(self.error, self.arguments)

    def refusal(self) -> OtpyError | None:
        """Return why nothing was done; None if it was."""
        return None if self.child is not None else error_of(self.error, self.arguments)


def spec_fields(
    spec: Mapping[str, object] | None,
    args: Sequence[object] | Mapping[str, object] | None,
    id_: str | None,
) -> dict[str, object]:
    """Put together what `start_child` is given."""
    fields = {key: _written(key, value) for key, value in (spec or {}).items()}
    if args is not None:
        fields["args"] = dict(args) if isinstance(args, Mapping) else list(args)
    if id_ is not None:
        fields["id"] = id_
    return fields


def _written(key: str, value: Any) -> Any:
    """Write a field as in YAML, which has no tuples: its own words, not the values of arguments."""
    if key == "template" and isinstance(value, Mapping):
        return spec_fields(value, None, None)
    if key == "children" and isinstance(value, list | tuple):
        children = (isinstance(each, Mapping) for each in value)
        return [
            spec_fields(v, None, None) if ok else v for v, ok in zip(value, children, strict=True)
        ]
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if type(value) is tuple else value
