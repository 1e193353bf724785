"""``otpy suspend``."""

import click

from otpy.cli.complete import child_names
from otpy.cli.names import suggesting
from otpy.cli.options import node_option, timeout_option
from otpy.cli.session import connected
from otpy.cli.show import show


@click.command()
@click.argument("name", shell_complete=child_names)
@timeout_option
@node_option
@click.pass_context
def suspend(ctx: click.Context, name: str, *, timeout: float | None) -> None:
    """Suspend a server until "otpy resume".

    It handles no messages: calls to it wait, and time out. Its supervisor can stop it as ever.
    """
    node = connected(ctx)
    with suggesting(node, name):
        node[name].suspend(timeout=timeout)
    show(f"{name}: suspended")
