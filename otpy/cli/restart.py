"""``otpy restart``."""

import click

from otpy.cli.complete import child_names
from otpy.cli.names import find, rows_of, supervisor_of
from otpy.cli.options import node_option
from otpy.cli.session import connected
from otpy.cli.start import started
from otpy.errors import SupervisorError


@click.command()
@click.argument("name", shell_complete=child_names)
@node_option
@click.pass_context
def restart(ctx: click.Context, name: str) -> None:
    """Stop a child, if it runs, and start it again.

    It stops in order, and does not count as a restart against max_restarts. The restart_child
    of OTP and of the client refuses a child that runs; this command stops it first.
    """
    node = connected(ctx)
    row = find(rows_of(node), name)
    supervisor, child = supervisor_of(node, row)
    try:
        info = supervisor.restart_child(child)
    except SupervisorError as error:
        if error.reason not in ("running", "restarting"):
            raise
        # A temporary child is forgotten as it stops, so its spec has to be taken down before.
        spec = supervisor.get_childspec(child)
        supervisor.terminate_child(child)
        click.echo(f"{row.path}: stopped")
        temporary = spec["restart"] == "temporary"
        info = supervisor.start_child(spec) if temporary else supervisor.restart_child(child)
    click.echo(f"{row.path}: {started(info)}")
