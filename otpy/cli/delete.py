"""``otpy delete``."""

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
def delete(ctx: click.Context, name: str) -> None:
    """Remove a stopped child from its supervisor."""
    node = connected(ctx)
    row = find(rows_of(node), name)
    supervisor, child = supervisor_of(node, row)
    supervisor.delete_child(child)
    show(f"{row.path}: deleted")
