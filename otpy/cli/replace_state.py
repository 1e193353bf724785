"""``otpy replace-state``."""

import click

from otpy.cli.arguments import json_or_string
from otpy.cli.complete import child_names
from otpy.cli.names import suggesting
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.output import answer
from otpy.cli.session import connected, time_limit
from otpy.cli.state import laid_out, sendable


@click.command("replace-state")
@click.argument("name", shell_complete=child_names)
@click.argument("attributes", metavar="ATTRIBUTE=VALUE...", nargs=-1, required=True)
@timeout_option
@node_option
@json_option
@click.pass_context
def replace_state(ctx: click.Context, *, name: str, attributes: tuple[str, ...]) -> None:
    """Replace attributes of a server.

    Prints its state then. A value is JSON where it parses as JSON, else a string:
    "otpy replace-state counter count=5".
    Either all attributes are replaced or none.
    """
    replaced = dict(map(_assignment, attributes))
    node = connected(ctx)
    with suggesting(node, name):
        state = node[name].replace_state(replaced, timeout=time_limit(ctx))
    answer({"name": name, "state": sendable(state)}, laid_out(state), is_styled=True)


def _assignment(word: str) -> tuple[str, object]:
    name, equals, value = word.partition("=")
    if not name or not equals:
        raise click.UsageError(f"{word!r} is not ATTRIBUTE=VALUE, for example count=5")
    return name, json_or_string(value)
