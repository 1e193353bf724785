"""The keys of a child that are fields of its spec by the same name: one table for both ways.

Such a key is declared twice, and nowhere else: in `otpy.core.spec` with its type, default and
meaning, and in `otpy.config.fields` with its form in a file. `SPELLED_OUT` has the fields whose
form in a file is another one; only they are converted one by one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from typing import Any, Final

from otpy.core.spec import (
    ChildSpec,
    CommandStart,
    Inheritable,
    RestartIntensity,
    ServerStart,
    SupervisorSpec,
)
from otpy.core.surroundings import Surroundings

INHERITABLE: Final = frozenset(each.name for each in fields(Inheritable))

SPELLED_OUT: Final[Mapping[type, frozenset[str]]] = {
    # `retries` are for otpy's own children, `by_hand` is never written
    ChildSpec: INHERITABLE
    | {"start", "retries", "own_intensity", "on_give_up", "by_hand", "essential"},
    ServerStart: frozenset({"target", "args", "kwargs", "instance", "listening"}),
    CommandStart: frozenset({"argv", "listening"}),
    SupervisorSpec: INHERITABLE
    | {"intensity", "max_children", "template", "children", "instances", "folder", "on_event"},
    Inheritable: frozenset({"surroundings", "log"}),
    RestartIntensity: frozenset(),
    Surroundings: frozenset(),
}


def same_fields(record: type) -> Iterator["Field[Any]"]:
    """Yield the fields of a class of `otpy.core.spec` that are keys by the same name."""
    spelled_out = next(SPELLED_OUT[kind] for kind in record.__mro__ if kind in SPELLED_OUT)
    return (each for each in fields(record) if each.name not in spelled_out)
