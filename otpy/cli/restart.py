"""``otpy restart``."""

import click

from otpy.cli.control import Control
from otpy.cli.options import patience_option, several
from otpy.cli.session import time_limit
from otpy.cli.targets import children, targets


@click.command()
@several("All children of the root supervisor.", timeout=patience_option)
@click.pass_context
def restart(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
    """Stop children, if they run, and start them again.

    One after another, each with all below it. They stop in order, and that does not count as a
    restart against max_restarts. The restart_child of OTP and of the client refuses a child that
    runs; this command stops it first. One that fails to start is left stopped, as in OTP.
    """
    found = targets(ctx, names, all_=all_, choose=children)
    found.each(Control(found.node, time_limit(ctx)).restart)
