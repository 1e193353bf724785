"""``otpy trace``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec

from otpy.cli.names import shown, suggesting
from otpy.cli.options import several
from otpy.cli.output import end_stream, stream
from otpy.cli.render import counted
from otpy.cli.session import time_limit
from otpy.cli.targets import Targets, targets, workers
from otpy.errors import NoProcess
from otpy.wire.log_lines import local_time
from otpy.wire.safe_text import one_line

if TYPE_CHECKING:
    from otpy import TraceEvent, TraceStream


@click.command()
@several("All workers that run.")
@click.pass_context
def trace(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
    """Print what servers receive and answer, live.

    Goes on until Ctrl-C or the end of the servers. A call and its answer have the same number.
    --json prints one JSON object a line.
    """
    found = targets(ctx, names, all_=all_, choose=workers)
    traces = dict(_begun(found, time_limit(ctx), all_=all_))
    try:
        for path, event in _merged(traces):
            line = as_line(event, shown(path) if len(found.names) > 1 else "")
            stream({"path": path, **msgspec.structs.asdict(event)}, line)
    except KeyboardInterrupt:
        end_stream()


def _begun(
    found: Targets, timeout: float | None, *, all_: bool
) -> "Iterator[tuple[str, TraceStream]]":
    """Begin to trace each process; those of ``--all`` that are no servers are left out."""
    for name in found.names:
        row = found.row(name)
        try:
            with suggesting(found.node, name):
                yield row.path, found.node[row.path].trace(timeout=timeout)
        except NoProcess:
            if not all_:
                raise


def _merged(traces: "dict[str, TraceStream]") -> "Iterator[tuple[str, TraceEvent]]":
    """Yield the events of several processes as they come, until all of these have ended."""
    if len(traces) == 1:
        ((path, only),) = traces.items()
        yield from ((path, event) for event in only)
        return
    from queue import SimpleQueue  # noqa: PLC0415 - most trace one
    from threading import Thread  # noqa: PLC0415 - as above

    events: SimpleQueue[tuple[str, TraceEvent] | BaseException | None] = SimpleQueue()

    def read(path: str, events_of_one: "TraceStream") -> None:
        try:
            for event in events_of_one:
                events.put((path, event))
        except BaseException as error:  # noqa: BLE001 - it is raised where they are printed
            events.put(error)
        events.put(None)

    for pair in traces.items():
        Thread(target=read, args=pair, daemon=True).start()
    left = len(traces)
    while left:
        match events.get():
            case None:
                left -= 1
            case BaseException() as error:
                raise error
            case event:
                yield event


def as_line(event: "TraceEvent", name: str = "") -> str:
    """Write an event as a line, with the name of its process if there are several."""
    of = f"{name}  " if name else ""
    missed = f"({counted(event.dropped, 'event')} missed)  " if event.dropped else ""
    line = f"{local_time(event.at)}  {of}{missed}{event.kind:<5}  {event.call:<8}  {event.text}"
    return one_line(line.rstrip())
