"""``otpy kill``."""

import signal as signals
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from otpy.cli.arguments import SignalType, signal_name
from otpy.cli.complete import child_names
from otpy.cli.names import not_running, shown
from otpy.cli.options import several
from otpy.cli.output import Done
from otpy.cli.session import time_limit
from otpy.cli.targets import targets
from otpy.errors import NoProcess, ProcessDown
from otpy.wire.paths import GATEWAY

if TYPE_CHECKING:
    from otpy import ProcessInfo


def _names_and_signals(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete names, and behind the first one signals."""
    names = child_names(ctx, param, incomplete)
    if not ctx.params.get("names"):
        return names
    return [*names, *(item.value for item in SignalType().shell_complete(ctx, param, incomplete))]


@click.command()
@several("All workers and programs of the tree that run.", complete=_names_and_signals)
@click.option(
    "-s", "--signal", "signal", type=SignalType(), help="Which signal; also as the last word."
)
@click.pass_context
def kill(ctx: click.Context, *, names: tuple[str, ...], all_: bool, signal: int | None) -> None:
    """Send a signal to processes, KILL by default.

    A signal is a name, with or without SIG, or a number: "otpy kill -s HUP web db", or "otpy kill
    web HUP". What follows is the supervisor's business: to stop a child for good, use "otpy stop".
    """
    names, number = (names, signal) if signal is not None else _split(ctx, names, all_=all_)
    found = targets(ctx, names, all_=all_, choose=_that_run)
    if signal is None and len(names) > 1 and isinstance(found.found.get(names[-1]), NoProcess):
        # It would be too late to say so after KILL was sent to the others.
        problem = f"{names[-1]!r} is no process, and no signal; expected a name as TERM or SIGTERM"
        raise click.UsageError(problem, ctx)

    def one(row: "ProcessInfo") -> Done:
        name = shown(row.path)
        if row.pid is None:
            raise not_running(row, f"{name!r} does not run, it is {row.state}", name)
        try:
            found.node.signal(row.path, number, timeout=time_limit(ctx))
        except ProcessDown:
            if row.path != GATEWAY:  # which dies of the signal before it can answer
                raise
        sent = signal_name(number)
        return Done(f"{name}: sent {sent}", {"did": "sent", "signal": sent, "pid": row.pid})

    found.each(one)


def _split(
    ctx: click.Context, words: tuple[str, ...], *, all_: bool
) -> tuple[tuple[str, ...], int]:
    """Return the names, and the signal that stands behind them: KILL if there is none."""
    if len(words) > 1 - all_:
        try:
            return words[:-1], SignalType().convert(words[-1], None, ctx)
        except click.BadParameter:
            pass  # it is a name as well
    return words, signals.SIGKILL


def _that_run(rows: "Sequence[ProcessInfo]") -> "list[ProcessInfo]":
    kinds = ("worker", "command")
    return [row for row in rows if row.kind in kinds and row.path[0] != "@" and row.pid is not None]
