"""``otpy restart``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from otpy.cli.complete import child_names
from otpy.cli.names import find, rows_of, supervisor_of
from otpy.cli.options import node_option
from otpy.cli.session import connected
from otpy.cli.show import show
from otpy.cli.start import started
from otpy.errors import SupervisorError

if TYPE_CHECKING:
    from otpy import ChildInfo, SupervisorRef


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
        # It may be forgotten as it stops, so its spec has to be taken down before.
        spec = supervisor.get_childspec(child)
        supervisor.terminate_child(child)
        show(f"{row.path}: stopped")
        info = start_again(supervisor, spec)
    show(f"{row.path}: {started(info)}")


def start_again(supervisor: "SupervisorRef", spec: "Mapping[str, Any]") -> "ChildInfo":
    """Start a stopped child; add it anew if it is temporary, or its supervisor dynamic."""
    try:
        return supervisor.restart_child(spec["id"])
    except SupervisorError as error:
        if error.reason != "not_found":
            raise
        return supervisor.start_child(spec)
