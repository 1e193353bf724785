"""YAML text -> nodes that know their line and column, none of them a trap."""

from dataclasses import dataclass
from typing import Final

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from otpy.config.mistakes import Located
from otpy.config.source import BadText

MAX_NESTING: Final = 200
MAX_VALUES: Final = 1_000_000
"""Values of a file once its aliases stand for what they name."""


class _TooDeep(Exception):
    """A value inside more than `MAX_NESTING` others starts at `line` and `column`."""

    def __init__(self, parent: Node) -> None:
        super().__init__(parent)
        self.parent = parent


class _Nesting:
    """For PyYAML's loaders: stop at deep nesting before any recursion is in danger."""

    _depth = 0

    def descend_resolver(self, parent: Node, index: object) -> None:
        """Count a level; both of PyYAML's composers call this before each value."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise _TooDeep(parent)
        super().descend_resolver(parent, index)  # type: ignore[misc]  # of the loader's

    def ascend_resolver(self) -> None:
        """Count a level back."""
        self._depth -= 1
        super().ascend_resolver()  # type: ignore[misc]


class Loader(_Nesting, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """`safe_load`'s loader, of libyaml where PyYAML has it."""


class _PythonLoader(_Nesting, yaml.SafeLoader):
    """`safe_load`'s loader that has no limits of its own."""


def located(node: Node, text: str) -> Located:
    """Put a mistake where `node` starts."""
    return Located(node.start_mark.line + 1, node.start_mark.column + 1, text)


def compose(loader: Loader, text: str) -> Node:
    """Read the one document of a file.

    Args:
        loader: One that was made for `text`.
        text: The file's text, for words about the character that is wrong.

    Raises:
        BadText: The syntax is wrong, the file empty, or a trap.
    """
    try:
        root = loader.get_single_node()
    except _TooDeep as error:
        raise BadText(located(error.parent, _too_deep())) from None
    except yaml.MarkedYAMLError as error:
        raise BadText(_nested_too_deep(text) or _syntax(error, text)) from None
    if root is None:
        raise BadText(Located(1, 1, "the file is empty, expected a mapping with children"))
    assert isinstance(root, Node)
    _Measure().of(root)
    return root


def _nested_too_deep(text: str) -> Located | None:
    """Find where a text that is refused is nested too deep.

    libyaml reads ahead of what it has given out, and may come upon a limit of its own first; which
    one that is, and what it is called, depends on its version.
    """
    try:
        _PythonLoader(text).get_single_node()
    except _TooDeep as error:
        return located(error.parent, _too_deep())
    except yaml.YAMLError:
        pass
    return None


def _too_deep() -> str:
    return f"values nested over {MAX_NESTING} deep, expected at most {MAX_NESTING}"


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Located:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    return Located(line + 1, column + 1, _syntax_words(error, _character(text, line, column)))


def _character(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    return lines[line][column : column + 1] if line < len(lines) else ""


def _syntax_words(error: yaml.MarkedYAMLError, character: str) -> str:
    if error.problem == "but found another document":
        return "a second document, expected only one in the file"
    if character == "\t":
        return "YAML syntax: a tab, expected spaces"
    words = f"YAML syntax: {error.problem or error.context}"
    if character in ("@", "`", "%"):
        words += f" {character!r}; put it in quotes"
    elif error.context and error.context_mark and error.problem_mark:
        words += f", {error.context} from line {error.context_mark.line + 1}"
    return words


@dataclass(frozen=True, slots=True)
class _Size:
    """The size of a node with its aliases expanded."""

    values: int
    depth: int


class _Measure:
    """Refuses what aliases can do: contain themselves, or blow up the file."""

    def __init__(self) -> None:
        self._known: dict[int, _Size] = {}
        self._open: set[int] = set()

    def of(self, node: Node) -> _Size:
        """Measure `node`; an alias costs a look-up, whatever it names."""
        if isinstance(node, ScalarNode):
            return _SCALAR
        if known := self._known.get(id(node)):
            return known
        if id(node) in self._open:
            raise BadText(located(node, "an alias inside what it names, expected no recursion"))
        self._open.add(id(node))
        parts = [self.of(part) for part in _parts(node)]
        self._open.discard(id(node))
        size = _Size(
            1 + sum(part.values for part in parts),
            1 + max((part.depth for part in parts), default=0),
        )
        if size.values > MAX_VALUES:
            text = f"aliases make over {MAX_VALUES} values of this, expected fewer"
            raise BadText(located(node, text))
        if size.depth > MAX_NESTING:
            raise BadText(located(node, _too_deep()))
        self._known[id(node)] = size
        return size


_SCALAR: Final = _Size(1, 1)


def _parts(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    assert isinstance(node, CollectionNode)
    return list(node.value)
