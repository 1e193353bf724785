"""``otpy status``."""

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec

from otpy.cli.errors import FAILED, Problem
from otpy.cli.guardians import guardian_rows
from otpy.cli.names import rows_of
from otpy.cli.options import several
from otpy.cli.output import Done, answer
from otpy.cli.processes import Process, Spare, groups_of, measured, memory_text
from otpy.cli.render import (
    Column,
    duration,
    elapsed,
    or_dash,
    record,
    table,
)
from otpy.cli.session import answer_timeout, connected
from otpy.cli.targets import Targets, targets
from otpy.errors import NoProcess
from otpy.wire.log_lines import local_time

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo, Statistics

COLUMNS: Final = (
    Column("NAME"),
    Column("KIND"),
    Column("STATE"),
    Column("PID", right=True),
    Column("RESTARTS", right=True),
    Column("UPTIME", right=True),
    Column("LAST EXIT"),
)
_SPARES: Final = Column("SPARES", right=True)
_RESTARTS: Final = COLUMNS.index(Column("RESTARTS", right=True))


@click.command()
@click.option("--boot", is_flag=True, help="Show what each start took until it was ready.")
@several("All processes, as without a name.", required=False)
@click.pass_context
def status(ctx: click.Context, *, names: tuple[str, ...], all_: bool, boot: bool) -> None:
    """List all processes, or show all about some.

    With --boot: the last start of each process, in order; how long after the first one it began,
    and how long it took until the process was ready. That of a supervisor includes its children's.

    Ends with 1 if one of those that it shows has failed.
    """
    if boot and (names or all_):
        raise click.UsageError("--boot is about all processes", ctx)
    if boot:
        _show_boot(rows_of(connected(ctx), answer_timeout(ctx)))
    elif names:
        _show(targets(ctx, names, all_=all_, choose=list, beside=guardian_rows))
    else:
        node = connected(ctx)
        _list(node, [*guardian_rows(node), *rows_of(node, answer_timeout(ctx))])


def _show(found: Targets) -> None:
    """Show all about some processes."""
    groups = groups_of(found.rows, found.node.pid)

    def one(row: "ProcessInfo") -> Done:
        (process,) = measured([row], groups, now=time.time())
        does = statistics_of(found.node, row)
        text = detailed(process, does) + "\n" * (len(found.names) > 1)
        problem = None if row.state != "failed" else failed([process])
        return Done(text, with_statistics(process, does), is_styled=True, problem=problem)

    found.each(one)


def _list(node: "Node", rows: "Sequence[ProcessInfo]") -> None:
    processes = measured(rows, groups_of(rows, node.pid), now=time.time())
    problem = failed(process for process in processes if process.state == "failed")
    answer(processes, listed(processes), is_styled=True, problem=problem)


def failed(processes: Iterable[Process]) -> Problem | None:
    """Return that processes have failed; None if there are none."""
    names = [process.name for process in processes]
    if not names:
        return None
    verb = "has" if len(names) == 1 else "have"
    message = f"{', '.join(names)} {verb} failed, and {'stays' if verb == 'has' else 'stay'} down"
    return Problem("failed", message, f"`otpy why {names[0]}` shows more", FAILED)


def _show_boot(rows: "Sequence[ProcessInfo]") -> None:
    from otpy.cli.boot_view import boot_of, laid_out  # noqa: PLC0415 - shows starts alone

    starts = boot_of(rows)
    answer(starts, laid_out(starts, now=time.time()), is_styled=True)


def statistics_of(node: "Node", row: "ProcessInfo") -> "Statistics | None":
    """Ask the supervisor of a worker what it does; None if there is no process."""
    if row.kind != "worker" or row.pid is None:
        return None
    try:
        return node[row.path].statistics()
    except NoProcess:
        return None


def with_statistics(process: Process, does: "Statistics | None") -> dict[str, object]:
    """Add what a worker does to what ``--json`` prints."""
    fields = msgspec.structs.asdict(process)
    if does is not None:
        facts = ("messages", "calls", "casts", "infos", "busy", "queue", "suspended")
        fields |= {name: getattr(does, name) for name in facts}
    return fields


def listed(processes: Sequence[Process]) -> str:
    """Lay out one line a process; how many spares they have only if one of them has any."""
    columns, rows = list(COLUMNS), [_row(p) for p in processes]
    if any(p.spares for p in processes):
        columns.insert(_RESTARTS, _SPARES)
        for p, row in zip(processes, rows, strict=True):
            row.insert(_RESTARTS, str(len(p.spares)) if p.spares else "-")
    return table(columns, rows)


def _row(p: Process) -> list[str]:
    return [
        p.name,
        p.kind,
        p.state,
        or_dash(p.pid),
        str(p.restarts),
        or_dash(p.uptime, duration),
        " ".join(p.reason.split()) or "-",
    ]


def detailed(p: Process, does: "Statistics | None") -> str:
    """Lay out one process, a line a fact."""
    now = {}
    if does is not None:
        idle = "no, it is suspended" if does.suspended else "no, it waits for messages"
        at_work = idle if does.busy is None else f"for {elapsed(does.busy)}"
        kinds = f"{does.calls} calls, {does.casts} casts, {does.infos} others"
        taken = f"{does.messages}: {kinds}"
        now = {"messages": taken, "busy": at_work, "queue": str(does.queue)}
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
            "ready after": or_dash(p.took, elapsed),
            "memory": p.memory_text + (f" in {p.processes} processes" if p.processes > 1 else ""),
            **({"spares": ", ".join(map(_spare, p.spares))} if p.spares else {}),
            **now,
            "last exit": p.reason or "-",
            **({"next start": local_time(p.retry_at)} if p.retry_at is not None else {}),
        }
    )


def _spare(spare: Spare) -> str:
    return f"pid {spare.pid} ({memory_text(spare.memory, is_exact=spare.memory_exact)})"
