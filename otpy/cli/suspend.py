"""``otpy suspend``."""

from typing import TYPE_CHECKING

import click

from otpy.cli.names import shown, suggesting
from otpy.cli.options import several
from otpy.cli.output import Done
from otpy.cli.session import time_limit
from otpy.cli.targets import is_suspended, targets, workers

if TYPE_CHECKING:
    from otpy import ProcessInfo


@click.command()
@several("All workers that run.")
@click.pass_context
def suspend(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
    """Suspend servers until "otpy resume".

    They handle no messages: calls to them wait, and time out. Their supervisor can stop them as
    ever.
    """
    found = targets(ctx, names, all_=all_, choose=workers)

    def one(row: "ProcessInfo") -> Done:
        name = shown(row.path)
        if is_suspended(found.node, row):
            return Done(f"{name}: is suspended already", {"did": "nothing"})
        with suggesting(found.node, name):
            found.node[row.path].suspend(timeout=time_limit(ctx))
        return Done(f"{name}: suspended", {"did": "suspended"})

    found.each(one)
