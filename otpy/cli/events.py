"""``otpy events``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otpy.cli.arguments import MomentType
from otpy.cli.complete import child_names
from otpy.cli.errors import Failed
from otpy.cli.event_selection import Selection, event_file_of, is_about
from otpy.cli.names import find, rows_of
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.output import stream
from otpy.cli.session import Session, connected
from otpy.cli.show import show
from otpy.errors import NodeNotFound
from otpy.system.nodedir import NodeDir
from otpy.wire.log_lines import dated_line

if TYPE_CHECKING:
    from otpy import Node
    from otpy.events import Event


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=child_names)
@click.option(
    "--since",
    type=MomentType(),
    metavar="TIME",
    help="Only what has happened since: 10m ago, or a local time as 14:30 or 2026-01-31T14:30.",
)
@click.option(
    "--until",
    type=MomentType(),
    metavar="TIME",
    help="Only what had happened by then; the same forms.",
)
@click.option("--last", type=click.IntRange(0), metavar="N", help="Only the last N of them.")
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what happens from now, until Ctrl-C."
)
@click.option("--all", "all_", is_flag=True, help="Of all processes, as without a name.")
@timeout_option
@node_option
@json_option
@click.pass_context
def events(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    since: float | None,
    until: float | None,
    last: int | None,
    follow: bool,
    all_: bool,
) -> None:
    """Print what has happened, one line an event.

    In order. With NAME only what is about that process, or about those below it; several names
    are allowed. The times are local time. --json prints one JSON object a line; `otpy schema
    events` is their schema. Of a node that does not run the events are read from its file, and
    stderr says from which.
    """
    if follow and until is not None:
        raise click.UsageError("--follow has no end, so that --until does not go with it", ctx)
    if all_ and names:
        raise click.UsageError("--all goes without a name", ctx)
    wanted = Selection(names, since, until, last)
    try:
        node = connected(ctx)
    except NodeNotFound as error:
        try:
            file = event_file_of(ctx.ensure_object(Session).node, error)
        except NodeNotFound as nowhere:
            raise nowhere from None
    else:
        print_from(node, wanted, follow=follow)
        return
    past = history(file)
    wanted.refuse_unknown(past)
    for event in wanted.of(past):
        write(event)
    place = f"{file.parent.name} does not run; its events are in {file}"
    if follow:
        raise Failed(place, "there is nothing to follow")
    show(f"otpy: {place}", err=True)


def print_from(node: "Node", wanted: Selection, *, follow: bool) -> None:
    """Print the events of a node that runs, and with `follow` those to come."""
    past = past_of(node, with_file=wanted != Selection())
    for name in wanted.names:
        if not any(is_about(event, name) for event in past):
            find(rows_of(node), name)  # it may have had none, but it has to be there
    for event in wanted.of(past):
        write(event)
    for event in following(node, past) if follow else ():
        if wanted.is_about(event):
            write(event)


def past_of(node: "Node", *, with_file: bool) -> "list[Event]":
    """Collect the past events: what the gateway knows, and before it what the file has."""
    kept = list(node.events())
    if not with_file:
        return kept
    # The file after the gateway, so that nothing is between the two: it has the older ones.
    return merged([*written(node), *kept])


def following(node: "Node", past: "Sequence[Event]") -> "Iterator[Event]":
    """Yield the events after those of the past: none twice, and none left out."""
    from otpy.events import EventsLost  # noqa: PLC0415 - the client has imported it by now

    last = past[-1] if past else None
    seen = 0 if last is None or last.boot != node.boot else last.seq
    for event in node.events(follow=True, after=seen):
        if isinstance(event, EventsLost) and event.boot:
            # There were more of them than the gateway keeps: the file has them.
            found = [e for e in written(node) if e.boot == event.boot and seen < e.seq <= event.seq]
            yield from found if len(found) == event.count else [*found, event]
        else:
            yield event
        seen = event.seq


def written(node: "Node") -> "list[Event]":
    """Read what is in the file of a node that runs; nothing if it cannot be read."""
    try:
        return history(NodeDir(node.name).events)
    except OSError:
        return []  # what the gateway keeps must do


def history(file: Path) -> "list[Event]":
    """Read a node's `events.jsonl`."""
    from otpy.client.history import read_history  # noqa: PLC0415 - most commands need no events

    return read_history(file)


def merged(events: "Sequence[Event]") -> "list[Event]":
    """Put events of the file and of the gateway in order."""
    from otpy.client import history  # noqa: PLC0415 - as above

    return history.merged(events)


def write(event: "Event") -> None:
    """Print an event."""
    from otpy.events import event_to_data  # noqa: PLC0415 - the client has imported it by now

    stream(event_to_data(event), dated_line(event))
