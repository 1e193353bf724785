"""``otpy pid``."""

from typing import TYPE_CHECKING

import click

from otpy.cli.errors import NotRunning
from otpy.cli.names import shown
from otpy.cli.options import several
from otpy.cli.output import Done
from otpy.cli.targets import targets, with_process

if TYPE_CHECKING:
    from otpy import ProcessInfo


@click.command()
@several("All that have a process.")
@click.pass_context
def pid(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
    """Print the pid of each process, and nothing else.

    For example: kill -9 $(otpy pid counter)
    """
    targets(ctx, names, all_=all_, choose=with_process).each(_pid_of)


def _pid_of(row: "ProcessInfo") -> Done:
    if row.pid is None:
        name = shown(row.path)
        problem = f"{name} has no process now, it is {row.state}"
        raise NotRunning(problem, f"see `otpy status {name}`")
    return Done(str(row.pid), {"pid": row.pid})
