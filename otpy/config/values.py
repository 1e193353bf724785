"""Nodes -> plain values as `safe_load` makes them, each with its way back to its node."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from otpy.config import variables
from otpy.config.mistakes import Loc, Located, show
from otpy.config.nodes import Loader, located

Pair: TypeAlias = tuple[Node, Node]

_TAG: Final = "tag:yaml.org,2002:"
_STR, _MERGE, _VALUE = _TAG + "str", _TAG + "merge", _TAG + "value"
_READERS: Final = {
    _TAG + "null": Loader.construct_yaml_null,
    _TAG + "bool": Loader.construct_yaml_bool,
    _TAG + "int": Loader.construct_yaml_int,
    _TAG + "float": Loader.construct_yaml_float,
    _TAG + "binary": Loader.construct_yaml_binary,
    _TAG + "timestamp": Loader.construct_yaml_timestamp,
}
# PyYAML's readers fail in all these ways at, for example, `!!int x` or the date 2001-99-99.
_UNREADABLE: Final = (
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    yaml.YAMLError,
)
MAX_NUMBER_CHARACTERS: Final = 400


class Document:
    """The values of a file.

    Attributes:
        data: The value at the top.
        mistakes: What is wrong with the text itself: duplicate keys, tags, variables.
    """

    def __init__(self, loader: Loader, root: Node, environment: Mapping[str, str]) -> None:
        self._loader, self._root, self._environment = loader, root, environment
        self._built: dict[int, object] = {}
        self._pairs: dict[int, dict[object, Pair]] = {}
        self.mistakes: list[Located] = []
        self.data = self._build(root)

    def node(self, at: Loc, *, on_key: bool = False) -> Node:
        """Find the node of a value, or of the key that leads to it, or else of what holds it."""
        node, value, key = self._root, self.data, self._root
        for step in at:
            pair = self._pairs.get(id(value), {}).get(step)
            if pair is None:
                return node
            key, node = pair
            value = value[step]  # type: ignore[index] # only a mapping or a list has pairs
        return key if on_key else node

    def written(self, at: Loc) -> str | None:
        """Give the text of the plain scalar at a place."""
        node = self.node(at)
        return node.value if isinstance(node, ScalarNode) and not node.style else None

    def _build(self, node: Node) -> object:
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) not in self._built:
            if node.tag not in (_TAG + "map", _TAG + "seq"):
                self._unknown_tag(node)
            self._collection(node)
        return self._built[id(node)]

    def _collection(self, node: Node) -> None:
        if isinstance(node, SequenceNode):
            items = [self._build(item) for item in node.value]
            self._keep(node, items, {i: (item, item) for i, item in enumerate(node.value)})
        elif isinstance(node, MappingNode):
            self._mapping(node)

    def _keep(self, node: Node, value: object, pairs: dict[Any, Pair]) -> None:
        self._built[id(node)] = value
        self._pairs[id(value)] = pairs

    def _mapping(self, node: MappingNode) -> None:
        value: dict[object, object] = {}
        pairs: dict[object, Pair] = {}
        for merged in self._merged(node):
            built = self._build(merged)
            value.update(built)  # type: ignore[call-overload] # a mapping's value is a dict
            pairs.update(self._pairs[id(built)])
        own: set[object] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._wrong(key_node, "got a list or a mapping as a key, expected a string")
                continue
            key = self._key(key_node)
            if key in own:
                self._wrong(key_node, f"the key {key_node.value!r} again, expected it once")
                continue
            own.add(key)
            if key_node.tag != _MERGE:
                value[key] = self._build(value_node)
                pairs[key] = (key_node, value_node)
        self._keep(node, value, pairs)

    def _merged(self, node: MappingNode) -> Iterator[Node]:
        """Give what ``<<`` merges, the weakest first."""
        for key_node, value_node in node.value:
            if key_node.tag != _MERGE:
                continue
            several = isinstance(value_node, SequenceNode)
            for source in reversed(value_node.value) if several else (value_node,):
                if isinstance(source, MappingNode):
                    yield source
                else:
                    self._wrong(source, "<<: expected a mapping or a list of mappings")

    def _key(self, node: ScalarNode) -> object:
        return node.value if node.tag in (_STR, _MERGE, _VALUE) else self._read(node)

    def _scalar(self, node: ScalarNode) -> object:
        if node.tag not in (_STR, _MERGE, _VALUE):
            return self._read(node)
        if "${" not in node.value:
            return node.value
        text, problems = variables.expand(node.value, self._environment)
        for problem in problems:
            self._wrong(node, problem)
        if problems or node.style or not variables.is_reference(node.value):
            return text
        return self._resolved(node, text)

    def _resolved(self, node: ScalarNode, text: str) -> object:
        """Read the text that a plain reference stands for as if it were written in its place."""
        tag = self._loader.resolve(ScalarNode, text, (True, False))
        if tag not in _READERS:
            return text
        return self._read(ScalarNode(tag, text, node.start_mark, node.end_mark))

    def _read(self, node: ScalarNode) -> object:
        """Read a scalar that is no string; what cannot be read counts as its text."""
        reader, kind = _READERS.get(node.tag), node.tag.removeprefix(_TAG)
        if reader is None:
            self._unknown_tag(node)
        elif kind in ("int", "float") and len(node.value) > MAX_NUMBER_CHARACTERS:
            self._wrong(node, f"a number of over {MAX_NUMBER_CHARACTERS} characters")
        else:
            try:
                return reader(self._loader, node)
            except _UNREADABLE:
                self._wrong(node, f"{show(node.value)} is no {kind}; put it in quotes")
        return node.value

    def _unknown_tag(self, node: Node) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._wrong(node, f"got the tag {show(tag)}, expected plain YAML without it")

    def _wrong(self, node: Node, text: str) -> None:
        self.mistakes.append(located(node, text))
