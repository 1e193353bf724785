"""``otpy stack``."""

import click

from otpy.cli.complete import child_names
from otpy.cli.names import suggesting
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.render import to_json
from otpy.cli.session import connected
from otpy.cli.show import show


@click.command()
@click.argument("name", shell_complete=child_names)
@timeout_option
@node_option
@json_option
@click.pass_context
def stack(ctx: click.Context, name: str, *, timeout: float | None, as_json: bool) -> None:
    """Print the Python stacks of a worker, stuck or not.

    All threads are shown, the most recent call first. A worker that is stuck in C code shows the
    Python function that called it.
    """
    node = connected(ctx)
    with suggesting(node, name):
        text = node[name].stack(timeout=timeout)
    show(to_json({"name": name, "stack": text.splitlines()}) if as_json else text.rstrip())
