"""A tree from a program: plain values, as YAML would hold them -> spec."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Final

from otpy.config import rules
from otpy.config.file import name_too_long, system_mistakes
from otpy.config.mistakes import Loc, Mistake, dotted
from otpy.config.reading import placed_spec, read_tree
from otpy.config.tree import PlainTree
from otpy.core.spec import SupervisorSpec
from otpy.errors import NotSendable, SpecError
from otpy.wire.values import carried

_TOP: Final = "tree"


def read_mapping(given: PlainTree, searched: Sequence[str]) -> tuple[str, SupervisorSpec]:
    """Read the name, maybe empty, and the spec of a tree.

    Beside what YAML has, `start` may be a class or function, and a path a `pathlib.Path`. Relative
    paths start from the current directory; variables such as ``${HOME}`` are not expanded.

    Args:
        given: The tree.
        searched: Where its modules are looked for.

    Raises:
        SpecError: With a line for each mistake: ``tree.children[0].start: got ...``.
    """
    data = _plain({"children": given} if isinstance(given, Sequence) else given)
    assert isinstance(data, dict)
    if mistakes := list(_not_for_other_processes(data)):
        raise _spec_error(mistakes)
    tree, mistakes = read_tree(data, lambda _: None)
    if isinstance(name := data.get("name"), str):
        mistakes += name_too_long(("name",), name)
    folder = str(Path.cwd())
    if not rules.too_deep(data):
        mistakes += system_mistakes(data, tree, folder, searched)
    if tree is None or mistakes:
        raise _spec_error(mistakes)
    return tree.name, placed_spec(tree, folder)


def _spec_error(mistakes: Sequence[Mistake]) -> SpecError:
    lines = []
    for mistake in mistakes:
        at = mistake.at[:-1] if mistake.on_key else mistake.at
        lines.append(f"{dotted(at, _TOP)}: {mistake.text}")
    return SpecError(list(dict.fromkeys(lines)))


def _plain(value: object) -> object:
    """Return the value as YAML would hold it; what cannot be so is left as it is."""
    match value:
        case Mapping():
            return {
                key: _arguments(each) if key == "args" else _plain(each)
                for key, each in value.items()
            }
        case list() | tuple():
            return [_plain(each) for each in value]
        case os.PathLike():
            return os.fspath(value)
        case type() | FunctionType() if "<" not in value.__qualname__:
            return f"{value.__module__}:{value.__qualname__}"
        case _:
            return value


def _arguments(value: object) -> object:
    """Return arguments as a list or a dict; each of them goes to the child as it is."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _not_for_other_processes(data: rules.Mapping) -> Iterator[Mistake]:
    places: list[tuple[Loc, rules.Mapping]] = [*rules.descendants(data), *rules.templates(data)]
    for at, child in places:
        if isinstance(start := child.get("start"), type | FunctionType):
            name = start.__qualname__.rpartition(".")[2]
            text = (
                f"got {name!r}, which a function has made, expected a class or function of a module"
            )
            yield Mistake((*at, "start"), text)
        try:
            carried(child.get("args"))
        except NotSendable as error:
            yield Mistake((*at, "args"), f"{error}, expected values that a message can carry")
