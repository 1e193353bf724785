"""The core does no I/O: it imports itself and pure parts of the standard library, no more."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "otpy" / "core"
PURE = {
    *("bisect", "collections", "collections.abc", "dataclasses", "enum", "functools", "itertools"),
    "operator",
    "typing",
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, level=level):
                yield "." * level + (module or "")


@pytest.mark.parametrize("path", sorted(CORE.glob("**/*.py")), ids=lambda path: str(path.name))
def test_the_core_imports_only_itself_and_what_is_pure(path: Path) -> None:
    foreign = {
        name for name in imported(path) if name not in PURE and not name.startswith("otpy.core.")
    }
    assert foreign == set()
