"""``otpy stack``."""

from typing import TYPE_CHECKING

import click

from otpy.cli.names import shown, suggesting
from otpy.cli.options import several
from otpy.cli.output import Done
from otpy.cli.session import time_limit
from otpy.cli.targets import targets, workers

if TYPE_CHECKING:
    from otpy import ProcessInfo


@click.command()
@several("All workers that run.")
@click.pass_context
def stack(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
    """Print the Python stacks of workers, stuck or not.

    All threads are shown, the most recent call first. A worker that is stuck in C code shows the
    Python function that called it.
    """
    found = targets(ctx, names, all_=all_, choose=workers)

    def one(row: "ProcessInfo") -> Done:
        name = shown(row.path)
        with suggesting(found.node, name):
            text = found.node[row.path].stack(timeout=time_limit(ctx)).rstrip()
        return Done(found.titled(name, text), {"stack": text.splitlines()})

    found.each(one)
