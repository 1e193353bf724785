"""``otpy trace``."""

from typing import TYPE_CHECKING

import click
import msgspec

from otpy.cli.complete import child_names
from otpy.cli.names import suggesting
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.output import end_stream, stream
from otpy.cli.render import counted
from otpy.cli.session import connected, time_limit
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
def trace(ctx: click.Context, *, name: str) -> None:
    """Print what a server receives and answers, live.

    Goes on until Ctrl-C or the end of the server. A call and its answer have the same number.
    --json prints one JSON object a line.
    """
    node = connected(ctx)
    with suggesting(node, name):
        traced = node[name].trace(timeout=time_limit(ctx))
    try:
        for event in traced:
            stream(msgspec.structs.asdict(event), as_line(event))
    except KeyboardInterrupt:
        end_stream()


def as_line(event: "TraceEvent") -> str:
    """Write an event as a line."""
    missed = f"({counted(event.dropped, 'event')} missed)  " if event.dropped else ""
    line = f"{local_time(event.at)}  {missed}{event.kind:<5}  {event.call:<8}  {event.text}"
    return one_line(line.rstrip())
