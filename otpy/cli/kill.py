"""``otpy kill``."""

import signal as signals

import click

from otpy.cli.arguments import SignalType, signal_name
from otpy.cli.complete import child_names
from otpy.cli.names import suggesting
from otpy.cli.options import node_option
from otpy.cli.session import connected
from otpy.cli.show import show
from otpy.errors import ProcessDown
from otpy.wire.paths import GATEWAY


@click.command()
@click.argument("name", shell_complete=child_names)
@click.argument("signal", type=SignalType(), default=signals.SIGKILL)
@node_option
@click.pass_context
def kill(ctx: click.Context, name: str, signal: int) -> None:
    """Send a signal to a process, KILL by default.

    SIGNAL is a name, with or without SIG, or a number. What follows is the supervisor's business:
    to stop a child for good, use "otpy terminate".
    """
    node = connected(ctx)
    try:
        with suggesting(node, name):
            node.signal(name, signal)
    except ProcessDown:
        if name != GATEWAY:  # which dies of the signal before it can answer
            raise
    show(f"{name}: sent {signal_name(signal)}")
