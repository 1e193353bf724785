"""Convert scalar nodes to values, as `safe_load` does, and expand variables."""

from collections.abc import Mapping
from typing import Final

import yaml
from yaml.nodes import Node, ScalarNode

from otpy.config import variables
from otpy.config.mistakes import Located, show
from otpy.config.nodes import Loader, located

TAG: Final = "tag:yaml.org,2002:"
MERGE: Final = TAG + "merge"
# Plain << and = are strings too, wherever they are not the key that merges.
_STRINGS: Final = (TAG + "str", MERGE, TAG + "value")
_READERS: Final = {
    TAG + "null": Loader.construct_yaml_null,
    TAG + "bool": Loader.construct_yaml_bool,
    TAG + "int": Loader.construct_yaml_int,
    TAG + "float": Loader.construct_yaml_float,
    TAG + "binary": Loader.construct_yaml_binary,
    TAG + "timestamp": Loader.construct_yaml_timestamp,
}
# PyYAML's readers fail in all these ways at, for example, `!!int x` or the date 2001-99-99.
_UNREADABLE: Final = (ValueError, LookupError, ArithmeticError, AttributeError, yaml.YAMLError)
MAX_NUMBER_CHARACTERS: Final = 400


class ScalarReader:
    """Reads keys and values; what is wrong with them goes to `mistakes`."""

    def __init__(self, loader: Loader, environment: Mapping[str, str]) -> None:
        self._loader, self._environment = loader, environment
        self.mistakes: list[Located] = []

    def key(self, node: ScalarNode) -> object:
        """Read a key; variables do not expand in it."""
        return node.value if node.tag in _STRINGS else self._read(node)

    def value(self, node: ScalarNode) -> object:
        """Read a value."""
        if node.tag not in _STRINGS:
            return self._read(node)
        if "${" not in node.value:
            return node.value
        text, problems = variables.expand(node.value, self._environment)
        for problem in problems:
            self.wrong(node, problem)
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
        reader, kind = _READERS.get(node.tag), node.tag.removeprefix(TAG)
        if reader is None:
            self.unknown_tag(node)
        elif kind in ("int", "float") and len(node.value) > MAX_NUMBER_CHARACTERS:
            self.wrong(node, f"a number of over {MAX_NUMBER_CHARACTERS} characters")
        else:
            try:
                return reader(self._loader, node)
            except _UNREADABLE:
                self.wrong(node, f"{show(node.value)} is no {kind}; put it in quotes")
        return node.value

    def unknown_tag(self, node: Node) -> None:
        """Note a tag that `safe_load` would refuse, or that no tree needs."""
        tag = node.tag.replace(TAG, "!!")
        self.wrong(node, f"got the tag {show(tag)}, expected plain YAML without it")

    def wrong(self, node: Node, text: str) -> None:
        """Note a mistake where `node` starts."""
        self.mistakes.append(located(node, text))
