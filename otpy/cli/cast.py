"""``otpy cast``."""

from typing import Any

import click

from otpy.cli.arguments import WordsCommand, json_or_string
from otpy.cli.complete import child_names
from otpy.cli.names import find, rows_of, shown
from otpy.cli.options import json_option, key_option, node_option, timeout_option
from otpy.cli.output import answer
from otpy.cli.session import answer_timeout, connected, time_limit


@click.command(cls=WordsCommand)
@click.argument("name", shell_complete=child_names)
@click.argument("words", metavar="REQUEST [ARG]...", nargs=-1, required=True)
@timeout_option
@key_option
@node_option
@json_option
@click.pass_context
def cast(ctx: click.Context, *, name: str, words: tuple[str, ...], key: Any) -> None:
    """Send a request to a server that needs no answer.

    The words are read as those of "otpy call". A server that was down, or that crashes on it, shows
    in "otpy events".
    """
    node = connected(ctx)
    # A cast to no process is dropped; a user wants to know.
    row = find(rows_of(node, answer_timeout(ctx)), name)
    request, *arguments = map(json_or_string, words)
    node[row.path].cast(request, *arguments, key=key, timeout=time_limit(ctx))
    shown_name = shown(row.path)
    answer({"name": shown_name, "path": row.path, "did": "sent"}, f"{shown_name}: sent")
