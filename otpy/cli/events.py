"""``otpy events``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otpy.cli.arguments import MomentType
from otpy.cli.complete import child_names
from otpy.cli.errors import Failed
from otpy.cli.event_selection import chosen, event_file_of, is_about, refuse_unknown
from otpy.cli.names import find, rows_of
from otpy.cli.options import json_option, node_option
from otpy.cli.render import to_json
from otpy.cli.session import Session, connected
from otpy.cli.show import show
from otpy.errors import NodeNotFound
from otpy.system.nodedir import NodeDir
from otpy.wire.log_lines import dated_line

if TYPE_CHECKING:
    from otpy import Node
    from otpy.events import Event


@click.command()
@click.argument("name", required=False, shell_complete=child_names)
@click.option(
    "--since",
    type=MomentType(),
    metavar="TIME",
    help="Only what has happened since: 10m ago, or a local time as 14:30 or 2026-01-31T14:30.",
)
@click.option("--last", type=click.IntRange(0), metavar="N", help="Only the last N of them.")
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what happens from now, until Ctrl-C."
)
@node_option
@json_option
@click.pass_context
def events(
    ctx: click.Context,
    *,
    name: str | None,
    since: float | None,
    last: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Print what has happened, one line an event.

    In order of time. With NAME only what is about that process, or about those below it. The
    times are local time. --json prints one JSON object a line. Of a node that does not run the
    events are read from its file, and stderr says from which.
    """
    write = as_data if as_json else dated_line
    try:
        node = connected(ctx)
    except NodeNotFound as error:
        file = event_file_of(ctx.ensure_object(Session).node, error)
    else:
        print_from(node, write, name, since, last, follow=follow)
        return
    past = history(file)
    if name is not None:
        refuse_unknown(past, name)
    for event in chosen(past, name, since, last):
        show(write(event))
    place = f"{file.parent.name} does not run; its events are in {file}"
    if follow:
        raise Failed(f"{place}; there is nothing to follow")
    show(f"otpy: {place}", err=True)


def print_from(
    node: "Node",
    write: "Callable[[Event], str]",
    name: str | None,
    since: float | None,
    last: int | None,
    *,
    follow: bool,
) -> None:
    """Print the events of a node that runs, and with `follow` those to come."""
    coming = node.events(follow=True) if follow else ()
    past = past_of(node, with_file=(name, since, last) != (None, None, None))
    if name is not None and not any(is_about(event, name) for event in past):
        find(rows_of(node), name)  # it may have had none, but it has to be there
    for event in chosen(past, name, since, last):
        show(write(event))
    known = set(past)
    for event in coming:
        if event not in known and (name is None or is_about(event, name)):
            show(write(event))


def past_of(node: "Node", *, with_file: bool) -> "list[Event]":
    """Collect the past events from the gateway, and from `events.jsonl`."""
    told = list(node.events())
    if with_file:
        try:
            written = history(NodeDir(node.name).events)
        except OSError:
            written = []  # those of the gateway must do
        known = set(written)
        told = [*written, *(event for event in told if event not in known)]
    return sorted(told, key=lambda event: event.at)


def history(file: Path) -> "list[Event]":
    """Read a node's `events.jsonl`."""
    from otpy.client.history import read_history  # noqa: PLC0415 - most commands need no events

    return read_history(file)


def as_data(event: "Event") -> str:
    """Write an event as a line of JSON."""
    from otpy.events import event_to_data  # noqa: PLC0415 - the client has imported it by now

    return to_json(event_to_data(event))
