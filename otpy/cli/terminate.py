"""``otpy terminate``."""

import click

from otpy.cli.complete import child_names
from otpy.cli.names import find, rows_of, supervisor_of
from otpy.cli.options import node_option
from otpy.cli.session import connected
from otpy.cli.show import show


@click.command()
@click.argument("name", shell_complete=child_names)
@node_option
@click.pass_context
def terminate(ctx: click.Context, name: str) -> None:
    """Stop a child gracefully.

    It stays down until "otpy start NAME". A temporary child, or one of a dynamic supervisor, is
    forgotten once it is stopped.
    """
    node = connected(ctx)
    row = find(rows_of(node), name)
    supervisor, child = supervisor_of(node, row)
    supervisor.terminate_child(child)
    show(f"{row.path}: stopped")
