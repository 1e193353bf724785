"""``otpy call``."""

from typing import Any

import click

from otpy.cli.arguments import SecondsType, WordsCommand, json_or_string
from otpy.cli.complete import child_names
from otpy.cli.errors import Failed
from otpy.cli.names import suggesting
from otpy.cli.options import json_option, key_option, node_option
from otpy.cli.render import plain, to_json
from otpy.cli.session import connected
from otpy.cli.show import show
from otpy.errors import CallTimeout


@click.command(cls=WordsCommand)
@click.argument("name", shell_complete=child_names)
@click.argument("words", metavar="REQUEST [ARG]...", nargs=-1, required=True)
@click.option(
    "--timeout",
    type=SecondsType(),
    default=5.0,
    metavar="SECONDS",
    show_default=True,
    help="How long to wait for the reply, or infinity.",
)
@key_option
@node_option
@json_option
@click.pass_context
def call(
    ctx: click.Context,
    name: str,
    words: tuple[str, ...],
    *,
    timeout: float | None,
    key: Any,
    as_json: bool,
) -> None:
    """Send a request to a server and print its reply.

    Each word is JSON where it parses as JSON, else a string: "otpy call counter increment 5"
    sends ("increment", 5). A reply that is a string is printed as it is, any other as JSON.
    """
    request, *arguments = map(json_or_string, words)
    node = connected(ctx)
    try:
        with suggesting(node, name):
            reply = node[name].call(request, *arguments, key=key, timeout=timeout)
    except CallTimeout as error:
        advice = "nobody knows whether it ran; --timeout gives it longer"
        raise Failed(f"{error}; {advice}") from None
    show(reply_as_json(reply) if as_json else plain(reply))


def reply_as_json(reply: Any) -> str:
    """Write `reply` as JSON, or fail as a command does."""
    try:
        return to_json(reply)
    except TypeError as error:
        raise Failed(f"the reply has no form in JSON: {error}; leave out --json") from None
