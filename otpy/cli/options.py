"""The options that many commands share."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from otpy.cli.arguments import SecondsType, json_or_string
from otpy.cli.complete import node_names
from otpy.cli.session import Session

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _choose_node(ctx: click.Context, _param: click.Parameter, name: str | None) -> None:
    if name is not None:
        ctx.ensure_object(Session).node = name


def node_option(command: Decorated) -> Decorated:
    """Accept ``-n NODE``, before the subcommand and after it."""
    return click.option(
        "-n",
        "--node",
        metavar="NODE",
        expose_value=False,
        callback=_choose_node,
        shell_complete=node_names,
        help="The node's name; may be left out when only one runs.",
    )(command)


def _read_key(_ctx: click.Context, _param: click.Parameter, word: str | None) -> Any:
    return None if word is None else json_or_string(word)


key_option: Final = click.option(
    "--key",
    metavar="KEY",
    callback=_read_key,
    help="Which of several instances: JSON where it parses as JSON, else a string.",
)

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs to read."
)

timeout_option: Final = click.option(
    "--timeout",
    type=SecondsType(),
    default=5.0,
    metavar="SECONDS",
    show_default=True,
    help="How long to wait for the answer, or infinity.",
)
