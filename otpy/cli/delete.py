"""``otpy delete``."""

from typing import TYPE_CHECKING

import click

from otpy.cli.names import shown, supervisor_of
from otpy.cli.options import several, timeout_option
from otpy.cli.output import Done
from otpy.cli.session import time_limit
from otpy.cli.targets import down, targets

if TYPE_CHECKING:
    from otpy import ProcessInfo


@click.command()
@several("All that are stopped or have failed.", timeout=timeout_option)
@click.pass_context
def delete(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
    """Remove stopped children from their supervisors.

    One that was removed before is no failure; one that runs is, and stays.
    """
    found = targets(ctx, names, all_=all_, choose=down, once_removed="is gone already")

    def one(row: "ProcessInfo") -> Done:
        supervisor, child = supervisor_of(found.node, row)
        supervisor.delete_child(child, timeout=time_limit(ctx))
        return Done(f"{shown(row.path)}: deleted", {"did": "deleted"})

    found.each(one)
