"""``otpy status``."""

import time
from collections.abc import Sequence
from typing import Final

import click

from otpy.cli.complete import child_names
from otpy.cli.names import find, rows_of
from otpy.cli.options import json_option, node_option
from otpy.cli.processes import Process, measured
from otpy.cli.render import (
    Column,
    duration,
    local_time,
    or_dash,
    record,
    size,
    table,
    to_pretty_json,
)
from otpy.cli.session import connected

COLUMNS: Final = (
    Column("NAME"),
    Column("KIND"),
    Column("STATE"),
    Column("PID", right=True),
    Column("RESTARTS", right=True),
    Column("UPTIME", right=True),
    Column("LAST EXIT"),
)


@click.command()
@click.argument("name", required=False, shell_complete=child_names)
@node_option
@json_option
@click.pass_context
def status(ctx: click.Context, name: str | None, *, as_json: bool) -> None:
    """List all processes, or tell all about one."""
    rows = rows_of(connected(ctx))
    if name is None:
        processes = measured(rows, now=time.time())
        click.echo(to_pretty_json(processes) if as_json else listed(processes))
    else:
        (process,) = measured([find(rows, name)], now=time.time())
        click.echo(to_pretty_json(process) if as_json else detailed(process))


def listed(processes: Sequence[Process]) -> str:
    """Lay out one line a process."""
    return table(
        COLUMNS,
        [
            (
                p.name,
                p.kind,
                p.state,
                or_dash(p.pid),
                str(p.restarts),
                or_dash(p.uptime, duration),
                " ".join(p.reason.split()) or "-",
            )
            for p in processes
        ],
    )


def detailed(p: Process) -> str:
    """Lay out one process, a line a fact."""
    return record(
        {
            "name": p.name,
            "kind": p.kind,
            "state": p.state,
            "pid": or_dash(p.pid),
            "incarnation": str(p.incarnation),
            "restarts": str(p.restarts),
            "started": or_dash(p.started_at, local_time),
            "uptime": or_dash(p.uptime, duration),
            "memory": f"{or_dash(p.memory, size)} of its own, {or_dash(p.resident, size)} resident",
            "last exit": p.reason or "-",
        }
    )
