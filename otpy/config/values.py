"""Nodes -> plain values as `safe_load` makes them, each with its way back to its node."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from otpy.config.mistakes import Loc
from otpy.config.nodes import Loader
from otpy.config.scalars import MERGE, TAG, ScalarReader

Pair: TypeAlias = tuple[Node, Node]
"""Of a key and of its value; for an item of a list, twice the item's."""

_COLLECTIONS: Final = (TAG + "map", TAG + "seq")


class Document:
    """The values of a file.

    Attributes:
        data: The value at the top.
        mistakes: Mistakes of the text itself: duplicate keys, tags, variables.
    """

    def __init__(self, loader: Loader, root: Node, environment: Mapping[str, str]) -> None:
        self._root, self._scalars = root, ScalarReader(loader, environment)
        self._built: dict[int, object] = {}
        self._pairs: dict[int, dict[object, Pair]] = {}
        self.mistakes = self._scalars.mistakes
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
        """Return the text of the plain scalar at a place."""
        node = self.node(at)
        return node.value if isinstance(node, ScalarNode) and not node.style else None

    def _build(self, node: Node) -> object:
        if isinstance(node, ScalarNode):
            return self._scalars.value(node)
        if id(node) not in self._built:  # else an alias: the same object, as in safe_load
            if node.tag not in _COLLECTIONS:
                self._scalars.unknown_tag(node)
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
        for source in self._merged(node):
            built = self._build(source)
            value.update(built)  # type: ignore[call-overload] # a mapping's value is a dict
            pairs.update(self._pairs[id(built)])
        for key, pair in self._own(node):
            value[key] = self._build(pair[1])
            pairs[key] = pair
        self._keep(node, value, pairs)

    def _merged(self, node: MappingNode) -> Iterator[Node]:
        """Yield what ``<<`` merges, the weakest first."""
        for key_node, value_node in node.value:
            if key_node.tag != MERGE:
                continue
            several = isinstance(value_node, SequenceNode)
            for source in reversed(value_node.value) if several else (value_node,):
                if isinstance(source, MappingNode):
                    yield source
                else:
                    self._scalars.wrong(source, "<<: expected a mapping or a list of mappings")

    def _own(self, node: MappingNode) -> Iterator[tuple[object, Pair]]:
        """Yield the pairs that stand in the mapping itself; of a key that comes twice the first."""
        seen: set[object] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                text = "got a list or a mapping as a key, expected a string"
                self._scalars.wrong(key_node, text)
                continue
            key = self._scalars.key(key_node)
            if key in seen:
                self._scalars.wrong(key_node, f"the key {key_node.value!r} again, expected it once")
                continue
            seen.add(key)
            if key_node.tag != MERGE:
                yield key, (key_node, value_node)
