"""The spec of a tree that runs, as plain values."""

from collections.abc import Iterator
from typing import Any

import msgspec


class TreeSpec(msgspec.Struct, frozen=True):
    """The spec of a tree that runs.

    Attributes:
        fields: What a file of it would hold, defaults filled in, and with what a child inherits at
            the child; its paths are absolute.
        by_hand: Paths of the children that `start_child` has added.
        deleted: Paths of instances that were deleted: no file has words for that.
    """

    fields: dict[str, Any]
    by_hand: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


class SupervisorFields(msgspec.Struct, frozen=True):
    """What a supervisor answers that is asked for its spec: of its own children the ids."""

    fields: dict[str, Any]
    by_hand: tuple[str, ...] = ()


def asked_below(path: str, found: SupervisorFields) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the fields of supervisors whose children may be others by now, with their paths.

    Those of a dynamic supervisor are in no spec, and what is below one that was added by hand is in
    no file.
    """
    for child in found.fields.get("children", ()):
        is_static = "children" in child and child.get("strategy") != "dynamic"
        if (is_static or "instances" in child) and child["id"] not in found.by_hand:
            yield f"{path}/{child['id']}".lstrip("/"), child


def deleted_instances(path: str, child: dict[str, Any], found: SupervisorFields) -> Iterator[str]:
    """Yield the paths of the instances of a child that its supervisor has no more.

    Args:
        path: Of the child.
        child: Its fields.
        found: What the supervisor of its instances answers.
    """
    present = {each["id"] for each in found.fields["children"]}
    ids = map(str, range(child["instances"]))
    yield from (f"{path}/{id_}" for id_ in ids if id_ not in present)
