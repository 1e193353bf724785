"""``otpy cast``."""

from typing import Any

import click

from otpy.cli.arguments import WordsCommand, json_or_string
from otpy.cli.complete import child_names
from otpy.cli.names import find, rows_of
from otpy.cli.options import key_option, node_option
from otpy.cli.session import connected


@click.command(cls=WordsCommand)
@click.argument("name", shell_complete=child_names)
@click.argument("words", metavar="REQUEST [ARG]...", nargs=-1, required=True)
@key_option
@node_option
@click.pass_context
def cast(ctx: click.Context, name: str, words: tuple[str, ...], *, key: Any) -> None:
    """Send a request to a server that needs no answer.

    The words are read as those of "otpy call". Prints nothing; a server that was down, or that
    crashes on it, shows in "otpy events".
    """
    node = connected(ctx)
    row = find(rows_of(node), name)  # a cast to no process is dropped; a user wants to know
    request, *arguments = map(json_or_string, words)
    node[row.path].cast(request, *arguments, key=key)
