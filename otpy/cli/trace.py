"""``otpy trace``."""

from typing import TYPE_CHECKING

import click
import msgspec

from otpy.cli.complete import child_names
from otpy.cli.names import suggesting
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.render import counted, to_json
from otpy.cli.session import connected
from otpy.cli.show import show
from otpy.wire.log_lines import local_time
from otpy.wire.safe_text import one_line

if TYPE_CHECKING:
    from otpy import TraceEvent


@click.command()
@click.argument("name", shell_complete=child_names)
@timeout_option
@node_option
@json_option
@click.pass_context
def trace(ctx: click.Context, name: str, *, timeout: float | None, as_json: bool) -> None:
    """Print what a server receives and answers, live.

    Goes on until Ctrl-C or the end of the server. A call and its answer have the same number.
    --json prints one JSON object a line.
    """
    node = connected(ctx)
    with suggesting(node, name):
        stream = node[name].trace(timeout=timeout)
    try:
        for event in stream:
            show(to_json(msgspec.structs.asdict(event)) if as_json else as_line(event))
    except KeyboardInterrupt:
        show()  # behind the ^C


def as_line(event: "TraceEvent") -> str:
    """Write an event as a line."""
    missed = f"({counted(event.dropped, 'event')} missed)  " if event.dropped else ""
    line = f"{local_time(event.at)}  {missed}{event.kind:<5}  {event.call:<8}  {event.text}"
    return one_line(line.rstrip())
