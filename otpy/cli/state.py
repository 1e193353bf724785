"""``otpy state``."""

from typing import TYPE_CHECKING

import click

from otpy.cli.errors import Failed
from otpy.cli.names import shown, suggesting
from otpy.cli.options import several
from otpy.cli.output import Done, wants_json
from otpy.cli.render import plain, record, to_json
from otpy.cli.session import time_limit
from otpy.cli.targets import targets, workers

if TYPE_CHECKING:
    from otpy import ProcessInfo


@click.command()
@several("All workers that run.")
@click.pass_context
def state(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
    """Show the state of servers: their instances' attributes.

    A server answers between two messages, however many wait.
    """
    found = targets(ctx, names, all_=all_, choose=workers)

    def one(row: "ProcessInfo") -> Done:
        name = shown(row.path)
        with suggesting(found.node, name):
            value = found.node[row.path].get_state(timeout=time_limit(ctx))
        return Done(found.titled(name, laid_out(value)), {"state": sendable(value)}, is_styled=True)

    found.each(one)


def sendable(value: object) -> object:
    """Return a state for JSON.

    Raises:
        Failed: It has no form there.
    """
    if wants_json():
        try:
            to_json(value)
        except TypeError as error:
            raise Failed(f"the state has no form in JSON: {error}", "leave out --json") from None
    return value


def laid_out(value: object) -> str:
    """Lay out a state, a line an attribute."""
    if not isinstance(value, dict):
        return plain(value)
    if not value:
        return "no attributes"
    return record({f"{name}": to_text(part) for name, part in value.items()})


def to_text(value: object) -> str:
    """Write an attribute on one line; a string in quotes, so that it is no number."""
    try:
        return to_json(value)
    except TypeError:
        return repr(value)
