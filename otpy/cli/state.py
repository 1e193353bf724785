"""``otpy state``."""

import click

from otpy.cli.complete import child_names
from otpy.cli.errors import Failed
from otpy.cli.names import suggesting
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.render import plain, record, to_json, to_pretty_json
from otpy.cli.session import connected
from otpy.cli.show import show_styled


@click.command()
@click.argument("name", shell_complete=child_names)
@timeout_option
@node_option
@json_option
@click.pass_context
def state(ctx: click.Context, name: str, *, timeout: float | None, as_json: bool) -> None:
    """Show the state of a server: its instance's attributes.

    It answers between two messages, however many wait.
    """
    node = connected(ctx)
    with suggesting(node, name):
        show_styled(shown(node[name].get_state(timeout=timeout), as_json=as_json))


def shown(value: object, *, as_json: bool) -> str:
    """Lay out a state, a line an attribute."""
    if as_json:
        try:
            return to_pretty_json(value)
        except TypeError as error:
            raise Failed(f"the state has no form in JSON: {error}; leave out --json") from None
    if not isinstance(value, dict):
        return plain(value)
    if not value:
        return "no attributes"
    return record({f"{name}": to_text(part) for name, part in value.items()})


def to_text(value: object) -> str:
    """Write an attribute on one line; a string in quotes, so that it is no number."""
    try:
        return to_json(value)
    except TypeError:
        return repr(value)
