"""A public class shows in editors what the reference documents of it, and no more."""

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

import otpy.aio
from scripts.docs_hook import MODULES
from tests.docs.pages import DOCS

_MEMBERS: Final = re.compile(r"^::: (\S+)\n    options: \{members: \[([^]]*)\]\}", re.MULTILINE)
_ATTRIBUTE: Final = re.compile(r"^ {4}(\w+):", re.MULTILINE)


def _public_classes() -> Iterator[tuple[str, type]]:
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value):
                yield f"{module_name}.{name}", value


CLASSES: Final = dict(_public_classes())


def _shown(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def _listed() -> dict[str, set[str]]:
    """Return which members of each class the reference lists."""
    text = "".join((DOCS / "reference" / page).read_text() for page in ("api.md", "aio-api.md"))
    return {
        name: {member.strip() for member in members.split(",") if member.strip()}
        for name, members in _MEMBERS.findall(text)
    }


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_shows_what_is_documented(name: str) -> None:
    cls = CLASSES[name]
    bases = [base for base in cls.__mro__[1:] if base in {*CLASSES.values(), Exception, object}]
    inherited = {attribute for base in bases for attribute in _shown(base)}
    listed = _listed().get(name, set())
    documented = listed | set(_ATTRIBUTE.findall(inspect.getdoc(cls) or ""))
    assert _shown(cls) - inherited - documented == set()
    assert listed <= _shown(cls)


def test_a_reference_shows_no_attribute_of_its_own_beside_its_name() -> None:
    """What `__init__` sets is in completion, too."""
    node: Any = None
    for ref in (otpy.Ref(node, "counter"), otpy.aio.Ref(node, "counter")):
        assert [name for name in vars(ref) if not name.startswith("_")] == ["name"]
