"""A folder of one's own to write trees and modules into, and what `load` says of them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from otpy.config import TreeConfig, load
from otpy.errors import SpecError

Told: TypeAlias = Callable[[str], list[str]]
"""Gives the mistakes of a tree's text, without a check of its imports."""


class Folder:
    """The current folder of one test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def load(self, text: str, *, check_imports: bool = False) -> TreeConfig:
        self.write("tree.yaml", text)
        return load("tree.yaml", check_imports=check_imports)

    def mistakes(self, text: str, *, check_imports: bool = False) -> list[str]:
        """Return the lines without the file's name, or [] if all is well."""
        try:
            self.load(text, check_imports=check_imports)
        except SpecError as error:
            return [line.removeprefix("tree.yaml:") for line in error.mistakes]
        return []
