"""``otpy check``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from otpy.cli.options import json_option
from otpy.cli.output import answer
from otpy.cli.render import counted
from otpy.system.signals import raising_when_stopped

if TYPE_CHECKING:
    from otpy.core.spec import ChildSpec, SupervisorSpec


@click.command()
@click.argument("file", type=click.Path())
@json_option
def check(*, file: str) -> None:
    """Print everything that is wrong with the tree in FILE.

    Imports the modules that the tree names, in a process of their own, and starts nothing.
    Ends with 0 if all is well, else with 2 and one line a mistake on stderr; with --json the error
    has "mistakes", a list of {file, line, column, message}.
    """
    from otpy.config import load  # noqa: PLC0415 - slow to import

    with raising_when_stopped():
        config = load(file)
    supervisors, workers = counts(config.spec)
    text = f"{counted(supervisors, 'supervisor')}, {counted(workers, 'worker')}"
    result = {"file": file, "supervisors": supervisors, "workers": workers}
    answer(result, f"{file}: ok, {text}")


def counts(spec: "SupervisorSpec") -> tuple[int, int]:
    """Return how many supervisors the tree has, the root included, and how many workers."""
    children = list(descendants(spec))
    supervisors = 1 + sum(child.is_supervisor for child in children)
    return supervisors, 1 + len(children) - supervisors


def descendants(spec: "SupervisorSpec") -> "Iterator[ChildSpec]":
    """Go through every child, depth first."""
    from otpy.core.spec import SupervisorSpec  # noqa: PLC0415 - what loads a tree has imported it

    for child in spec.children:
        yield child
        if isinstance(child.start, SupervisorSpec):
            yield from descendants(child.start)
