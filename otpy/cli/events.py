"""``otpy events``."""

from typing import TYPE_CHECKING

import click

from otpy.cli.options import json_option, node_option
from otpy.cli.render import local_time, to_json
from otpy.cli.session import connected
from otpy.cli.show import show
from otpy.wire.safe_text import one_line

if TYPE_CHECKING:
    from otpy.events import Event


@click.command()
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what happens from now, until Ctrl-C."
)
@node_option
@json_option
@click.pass_context
def events(ctx: click.Context, *, follow: bool, as_json: bool) -> None:
    """Print what has happened, one line an event.

    The times are local time. --json prints one JSON object a line.
    """
    for event in connected(ctx).events(follow=follow):
        show(as_data(event) if as_json else as_line(event))


def as_line(event: "Event") -> str:
    """Write an event as a line."""
    return f"{local_time(event.at)}  {one_line(' '.join(str(event).split()))}"


def as_data(event: "Event") -> str:
    """Write an event as a line of JSON."""
    from otpy.events import event_to_data  # noqa: PLC0415 - the client has imported it by now

    return to_json(event_to_data(event))
