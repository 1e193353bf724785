"""``otpy check``."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from otpy.cli.errors import WRONG
from otpy.cli.options import json_option
from otpy.cli.render import counted, to_pretty_json
from otpy.cli.show import show
from otpy.errors import SpecError
from otpy.system.signals import raising_when_stopped

if TYPE_CHECKING:
    from otpy.core.spec import ChildSpec, SupervisorSpec

_PLACE: Final = re.compile(r"(\d+):(\d+): (.*)", re.DOTALL)


@click.command()
@click.argument("file", type=click.Path())
@json_option
@click.pass_context
def check(ctx: click.Context, file: str, *, as_json: bool) -> None:
    """Print everything that is wrong with the tree in FILE.

    Imports the modules that the tree names, in a process of their own, and starts nothing.
    Ends with 0 if all is well, else with 2 and one line a mistake on stderr; with --json a
    list of {file, line, column, message} on stdout.
    """
    from otpy.config import load  # noqa: PLC0415 - slow to import

    try:
        with raising_when_stopped():
            config = load(file)
    except SpecError as error:
        if not as_json:
            raise
        show(to_pretty_json([placed(file, mistake) for mistake in error.mistakes]))
        ctx.exit(WRONG)
    show("[]" if as_json else f"{file}: ok, {summary(config.spec)}")


def placed(file: str, mistake: str) -> dict[str, str | int]:
    """Split a mistake's line: ``file:line:column: message``."""
    rest = mistake.removeprefix(f"{file}:")
    place = _PLACE.fullmatch(rest)
    if place is None:  # the file cannot be read
        return {"file": file, "line": 1, "column": 1, "message": rest.strip()}
    line, column, message = place.groups()
    return {"file": file, "line": int(line), "column": int(column), "message": message}


def summary(spec: "SupervisorSpec") -> str:
    """Count what the tree has, the root supervisor included."""
    children = list(descendants(spec))
    supervisors = 1 + sum(child.is_supervisor for child in children)
    workers = 1 + len(children) - supervisors
    return f"{counted(supervisors, 'supervisor')}, {counted(workers, 'worker')}"


def descendants(spec: "SupervisorSpec") -> "Iterator[ChildSpec]":
    """Go through every child, depth first."""
    from otpy.core.spec import SupervisorSpec  # noqa: PLC0415 - what loads a tree has imported it

    for child in spec.children:
        yield child
        if isinstance(child.start, SupervisorSpec):
            yield from descendants(child.start)
