"""Plain data -> a checked spec, or all the mistakes in it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from otpy.config import rules
from otpy.config.error_text import ScalarTexts, mistakes_of
from otpy.config.fields import Child, Copy, Tree, kind
from otpy.config.mistakes import Mistake, dotted
from otpy.config.specs import child_spec, supervisor_spec
from otpy.core.messages import StartCopy
from otpy.core.placement import passed_down, with_sockets
from otpy.core.spec import ChildSpec, Inheritable, SupervisorSpec, sockets_of
from otpy.errors import SpecError

CHILD: Final[TypeAdapter[Child]] = TypeAdapter(Child)


def read_tree(
    data: dict[object, object], written: ScalarTexts
) -> tuple[Tree | None, list[Mistake]]:
    """Read the fields of a whole tree; the first result is None if there are mistakes."""
    if deep := rules.too_deep(data):
        return None, deep
    mistakes = [*rules.of_whole_tree(data), *rules.check(data)]
    try:
        tree = Tree.model_validate(data)
    except ValidationError as error:
        return None, mistakes + mistakes_of(error, written, None)
    return (None if mistakes else tree), mistakes


def placed_spec(tree: Tree, folder: str) -> SupervisorSpec:
    """Return the spec of a whole tree, whose relative paths start from `folder`."""
    spec = passed_down(supervisor_spec(tree), Inheritable(), folder)
    spec = with_sockets(spec) if sockets_of(spec) else spec
    return replace(spec, on_event=tree.on_event)


def tree_of_data(data: Mapping[str, object]) -> SupervisorSpec:
    """Return the spec of a tree whose children have all that they inherit already.

    Raises:
        SpecError: With a line for each mistake.
    """
    plain: dict[object, object] = dict(data.items())
    tree, mistakes = read_tree(plain, lambda _: None)
    if tree is None:
        raise SpecError([_line(mistake, "tree") for mistake in mistakes])
    return placed_spec(tree, "")


def read_child(data: object, where: str) -> tuple[ChildSpec | None, list[str]]:
    """Read the fields of one child; the first result is None if there are mistakes."""
    child, mistakes = _read_child(data)
    return child, [_line(mistake, where) for mistake in mistakes]


def read_copy(data: object, where: str) -> tuple[StartCopy | None, list[str]]:
    """Read the fields of a child made from a template; None comes with mistakes."""
    try:
        copy = Copy.model_validate(data)
    except ValidationError as error:
        mistakes = mistakes_of(error, lambda _: None, None)
        return None, [_line(mistake, where) for mistake in mistakes]
    if isinstance(copy.args, dict):
        return StartCopy(copy.id, kwargs=copy.args), []
    return StartCopy(copy.id, tuple(copy.args)), []


def _read_child(data: object) -> tuple[ChildSpec | None, list[Mistake]]:
    mapping = data if isinstance(data, dict) else {}
    if deep := rules.too_deep(mapping):
        return None, deep
    mistakes = [*rules.check(mapping), *rules.of_added_child(mapping)]
    try:
        child = CHILD.validate_python(data)
    except ValidationError as error:
        return None, mistakes + mistakes_of(error, lambda _: None, kind(data))
    return (None if mistakes else child_spec(child)), mistakes


def _line(mistake: Mistake, where: str) -> str:
    at = mistake.at[:-1] if mistake.on_key else mistake.at
    return f"{dotted(at, where)}: {mistake.text}"
