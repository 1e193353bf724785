"""``otpy call``."""

from typing import Any

import click

from otpy.cli.arguments import WordsCommand, json_or_string
from otpy.cli.complete import child_names
from otpy.cli.errors import Failed, TimedOut
from otpy.cli.names import suggesting
from otpy.cli.options import json_option, key_option, node_option, timeout_option
from otpy.cli.output import answer, wants_json
from otpy.cli.render import plain, to_json
from otpy.cli.session import connected, time_limit
from otpy.errors import CallTimeout


@click.command(cls=WordsCommand)
@click.argument("name", shell_complete=child_names)
@click.argument("words", metavar="REQUEST [ARG]...", nargs=-1, required=True)
@timeout_option
@key_option
@node_option
@json_option
@click.pass_context
def call(ctx: click.Context, *, name: str, words: tuple[str, ...], key: Any) -> None:
    """Send a request to a server and print its reply.

    Each word is JSON where it parses as JSON, else a string: "otpy call counter increment 5"
    sends ("increment", 5). A reply that is a string is printed as it is, any other as JSON.
    """
    request, *arguments = map(json_or_string, words)
    node = connected(ctx)
    try:
        with suggesting(node, name):
            reply = node[name].call(request, *arguments, key=key, timeout=time_limit(ctx))
    except CallTimeout as error:
        hint = "nobody knows whether it ran; --timeout gives it longer"
        raise TimedOut(f"{error}", hint) from None
    if wants_json():
        _refuse_unwritable(reply)
    answer(reply, "" if wants_json() else plain(reply))


def _refuse_unwritable(reply: object) -> None:
    try:
        to_json(reply)
    except TypeError as error:
        raise Failed(f"the reply has no form in JSON: {error}", "leave out --json") from None
