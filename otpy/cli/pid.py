"""``otpy pid``."""

import click

from otpy.cli.complete import child_names
from otpy.cli.errors import Failed
from otpy.cli.names import find, rows_of
from otpy.cli.options import json_option, node_option
from otpy.cli.render import to_json
from otpy.cli.session import connected
from otpy.cli.show import show


@click.command()
@click.argument("name", shell_complete=child_names)
@node_option
@json_option
@click.pass_context
def pid(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Print the pid of a process, and nothing else.

    For example: kill -9 $(otpy pid counter)
    """
    row = find(rows_of(connected(ctx)), name)
    if row.pid is None:
        raise Failed(f"{name} has no process now, it is {row.state}; see `otpy status {name}`")
    show(to_json({"path": row.path, "pid": row.pid}) if as_json else row.pid)
