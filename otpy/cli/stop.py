"""``otpy stop``."""

from typing import TYPE_CHECKING, Final

import click

from otpy.cli.control import Control
from otpy.cli.options import patience_option, several
from otpy.cli.session import time_limit
from otpy.cli.targets import children, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpy import ProcessInfo

_HELP: Final = """Stop children gracefully.

They stay down until "otpy start NAME". A temporary child, or one of a dynamic supervisor, is
forgotten once it is stopped. One after another, each with all below it; with --all the latest
first. One that is stopped already, or gone, is no failure.
"""


def stop_command(name: str, text: str) -> click.Command:
    """Return the command that stops children, under a name."""

    @click.command(name, help=text)
    @several("All children of the root supervisor.", timeout=patience_option)
    @click.pass_context
    def command(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
        found = targets(ctx, names, all_=all_, choose=_latest_first, once_removed="is gone already")
        found.each(Control(found.node, time_limit(ctx)).stop)

    return command


def _latest_first(rows: "Sequence[ProcessInfo]") -> "list[ProcessInfo]":
    return children(rows)[::-1]


stop = stop_command("stop", _HELP)
