"""``otpy top``."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import click

from otpy.cli.arguments import DurationType
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.output import answer, end_stream, stream, wants_json
from otpy.cli.processes import memory_text
from otpy.cli.render import (
    Column,
    elapsed,
    or_dash,
    table,
)
from otpy.cli.session import connected
from otpy.cli.show import show_screen, show_styled
from otpy.cli.statistics_view import ORDERS, Load, Meter, ordered
from otpy.wire.log_lines import local_time

COLUMNS: Final = (
    Column("NAME"),
    Column("STATE"),
    Column("PID", right=True),
    Column("CPU%", right=True),
    Column("MEMORY", right=True),
    Column("MSG/S", right=True),
    Column("BUSY", right=True),
    Column("QUEUE", right=True),
    Column("RESTARTS", right=True),
)


@click.command()
@click.option("--once", is_flag=True, help="Print one table, measured over one interval.")
@click.option(
    "--interval",
    type=DurationType(),
    default="1s",
    metavar="DURATION",
    show_default=True,
    help="How long to measure.",
)
@click.option("--sort", type=click.Choice(ORDERS), default="tree", help="What comes first.")
@timeout_option
@node_option
@json_option
@click.pass_context
def top(ctx: click.Context, *, once: bool, interval: float | None, sort: str) -> None:
    """Show what all processes do, until Ctrl-C.

    With the extra otpy[top] and on a terminal it has keys: ? shows them. There the log, the state,
    the stack and the last ends of a process are at hand, and it can be stopped and restarted.

    BUSY is how long a worker has been at work on the message in hand; its supervisor knows even
    when the worker is stuck. --json prints an object a line, with "at" and "processes".
    """
    if interval is None:
        raise click.BadParameter("it never ends", ctx, param_hint="--interval")
    node = connected(ctx)
    if not (once or wants_json()) and (run_top := _with_keys()) is not None:
        name = node.name
        node.close()
        run_top(name, interval, sort)
        return
    meter = Meter()
    meter.sample(node)
    try:
        while True:
            time.sleep(interval)
            loads = ordered(meter.sample(node), sort)
            data = {"at": time.time(), "processes": loads}
            if once:
                answer(data, listed(loads), is_styled=True)
                return
            if wants_json():
                stream(data, "")
            else:
                show_table(f"{node.name}  {local_time(time.time())[:-4]}", loads)
    except KeyboardInterrupt:
        end_stream()


def _with_keys() -> "Callable[[str, float, str], None] | None":
    """Return what runs it with keys; None without a terminal that has them, or without Textual."""
    # Textual draws on stderr.
    is_terminal = all(each.isatty() for each in (sys.stdin, sys.stdout, sys.stderr))
    if not is_terminal or os.environ.get("TERM") == "dumb":
        return None
    from importlib.util import find_spec  # noqa: PLC0415 - only here

    if find_spec("textual") is None:
        return None
    from otpy.top.app import run_top  # noqa: PLC0415 - it takes longer than all other commands

    return run_top


def show_table(title: str, loads: Sequence[Load]) -> None:
    """Print a table: on a terminal in place of the last one, as far as it fits."""
    lines = listed(loads).splitlines()
    if not sys.stdout.isatty():
        show_styled("\n".join([title, *lines, ""]))
        return
    room = max(2, shutil.get_terminal_size().lines - 3)
    if len(lines) > room:
        lines[room - 1 :] = [f"... and {len(lines) - room + 1} more"]
    show_screen("\n".join([title, "", *lines]))


def listed(loads: Sequence[Load]) -> str:
    """Lay out one line a process."""
    return table(
        COLUMNS,
        [
            (
                load.name,
                load.state,
                or_dash(load.pid),
                or_dash(load.cpu, "{:.1f}".format),
                memory_text(load.memory, is_exact=load.memory_exact),
                or_dash(load.rate, "{:.0f}".format),
                or_dash(load.busy, elapsed),
                or_dash(load.queue),
                str(load.restarts),
            )
            for load in loads
        ],
    )
