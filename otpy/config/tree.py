"""A tree's file -> its `SupervisorSpec`, or every mistake in it at once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from otpy.core.spec import SupervisorSpec

PlainTree: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""The fields of a tree, or of its children only."""


@dataclass(frozen=True, slots=True)
class TreeConfig:
    """The content of a tree's file.

    Attributes:
        name: The node's name.
        spec: The supervisor at the top of the tree.
        path: The file, absolute; empty if it was none.
        is_named: The file itself says the name; else it is that of the file.
    """

    name: str
    spec: SupervisorSpec
    path: str
    is_named: bool = True


def load(path: str | os.PathLike[str], *, check_imports: bool = True) -> TreeConfig:
    """Read a tree's file.

    Args:
        path: The file.
        check_imports: Also import, in a process of its own, every module that the tree names,
            and look for its commands in PATH.

    Raises:
        SpecError: With a line for each mistake, ``file:line:column: what is wrong``, in the
            order of the file.
    """
    # Only a program that reads a file pays for PyYAML and pydantic.
    from otpy.config.file import read_file  # noqa: PLC0415

    given = os.fspath(path)
    name, spec = read_file(given, check_imports=check_imports)
    path_given = Path(given)
    return TreeConfig(name or path_given.stem, spec, str(path_given.absolute()), bool(name))


def load_for_program(
    tree: str | os.PathLike[str] | PlainTree, searched: Sequence[str], unnamed: str
) -> TreeConfig:
    """Read the tree that a program is to run.

    Args:
        tree: A file, the fields of a tree, or of its children only.
        searched: Where its modules are looked for.
        unnamed: The node's name if the tree has none.

    Raises:
        SpecError: With a line for each mistake.
    """
    if isinstance(tree, str | os.PathLike):
        from otpy.config.file import read_file  # noqa: PLC0415 - as above

        given = os.fspath(tree)
        name, spec = read_file(given, check_imports=True, searched=searched, needs_name=False)
        return TreeConfig(name or unnamed, spec, str(Path(given).absolute()))
    from otpy.config.mapping import read_mapping  # noqa: PLC0415 - as above

    name, spec = read_mapping(tree, searched)
    return TreeConfig(name or unnamed, spec, "")


def load_data(path: str | os.PathLike[str]) -> object:
    """Read the plain values of a file in YAML, such as the fields of one child.

    Variables are expanded, duplicate keys, tags and traps refused as in a tree's file.

    Raises:
        SpecError: With a line for each mistake, ``file:line:column: what is wrong``.
    """
    from otpy.config.file import read_data  # noqa: PLC0415 - as above

    return read_data(os.fspath(path))
