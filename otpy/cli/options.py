"""The options that many commands share."""

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import click

from otpy.cli.arguments import DurationType, json_or_string
from otpy.cli.complete import child_names, node_names
from otpy.cli.session import Session

Complete = Callable[[click.Context, click.Parameter, str], list[str]]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Decorator(Protocol):
    """Adds options to a command."""

    def __call__(self, command: Decorated, /) -> Decorated:
        """Return the command with them."""


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


def _choose_json(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.ensure_object(Session).as_json = True


def json_option(command: Decorated) -> Decorated:
    """Accept ``--json``: see `otpy.cli.output`, which asks for it."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_choose_json,
        help="Print JSON, for programs to read: see `otpy schema output`.",
    )(command)


def _limit(ctx: click.Context, _param: click.Parameter, seconds: float | None) -> None:
    ctx.ensure_object(Session).timeout = seconds


timeout_option: Final = click.option(
    "--timeout",
    type=DurationType(),
    default="5s",
    metavar="DURATION",
    expose_value=False,
    callback=_limit,
    show_default=True,
    help="How long to wait for an answer, as 500ms, 2m or seconds, or infinity.",
)
"""Accept ``--timeout``: `otpy.cli.session.time_limit` returns it. A late command ends with 4."""

patience_option: Final = click.option(
    "--timeout",
    type=DurationType(),
    metavar="DURATION",
    expose_value=False,
    callback=_limit,
    help="How long to wait, as 500ms, 2m or seconds; by default as long as it takes.",
)
"""The same for what may take long: to start a process, or to stop it."""


def several(
    all_: str,
    *,
    timeout: Decorator = timeout_option,
    complete: Complete = child_names,
    required: bool = True,
) -> Decorator:
    """Accept ``NAME...``, ``--all``, ``--timeout``, ``--node`` and ``--json``.

    Args:
        all_: Which processes ``--all`` means, in a sentence.
        timeout: `timeout_option` or `patience_option`.
        complete: Returns the names that there are.
        required: Whether there has to be a name, or ``--all``.
    """
    metavar = "NAME..." if required else "[NAME]..."

    def decorated(command: Decorated, /) -> Decorated:
        for option in (
            json_option,
            node_option,
            timeout,
            click.option("--all", "all_", is_flag=True, help=all_),
            click.argument("names", nargs=-1, metavar=metavar, shell_complete=complete),
        ):
            command = option(command)
        return command

    return decorated
