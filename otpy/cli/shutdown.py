"""``otpy shutdown``."""

import click

from otpy.cli.options import node_option
from otpy.cli.session import connected
from otpy.cli.show import show


@click.command()
@node_option
@click.pass_context
def shutdown(ctx: click.Context) -> None:
    """Stop the whole tree in order.

    Waits until the node is gone, and says so.
    """
    node = connected(ctx)
    node.shutdown()
    show(f"{node.name}: stopped, nothing of it is left")
