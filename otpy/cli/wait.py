"""``otpy wait``."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from otpy.cli.errors import Failed
from otpy.cli.names import rows_of, shown, suggesting_any
from otpy.cli.options import patience_option, several
from otpy.cli.output import answer, wants_json
from otpy.cli.processes import Process, groups_of, measured
from otpy.cli.session import connected, time_limit
from otpy.errors import CallTimeout, OtpyError, StartFailed
from otpy.wire.paths import BESIDE

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo
    from otpy.wire.gateway import Until

_AT_LEAST_S: Final = 0.001


@click.command()
@click.option(
    "--ready", "until", flag_value="ready", default=True, help="Until they are ready (default)."
)
@click.option("--gone", "until", flag_value="gone", help="Until they have ended, and stay down.")
@several("All processes that the tree has now.", timeout=patience_option)
@click.pass_context
def wait(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    all_: bool,
    until: "Until",
) -> None:
    """Wait until processes are ready, or gone.

    Ready is one that runs, and whose `ready` holds: see `otpy tree`. The root supervisor is ready
    when the tree is up. Gone is one that does not run, and that nobody is about to start again; one
    that is not in the tree is gone, too. With --timeout, which is for all of them together, a node
    that does not run yet is waited for.

    Exit status: 0 they are so; 1 one has failed, and stays down; 3 there is no such node or
    process; 4 it was not so in time.
    """
    timeout = time_limit(ctx)
    if bool(names) == all_:
        raise click.UsageError("name processes, or say --all", ctx)
    try:
        began = time.monotonic()
        node = connected(ctx) if timeout is None else _connected_within(ctx, timeout)
        wanted = _all_of(node) if all_ else names
        left = timeout and max(_AT_LEAST_S, timeout - (time.monotonic() - began))
        with suggesting_any(node, wanted):
            found = _wait(node, wanted, until, left)
    except CallTimeout as error:
        late = str(error).rpartition(" within ")[0]
        raise CallTimeout(f"{late} within {timeout:g} s") from None
    except StartFailed as error:
        hint = "`otpy why` shows more, `otpy start` begins anew"
        raise Failed(str(error), hint, kind="StartFailed") from None
    rows = _measured(node, found) if wants_json() else []
    answer(rows, "\n".join(_lines(wanted, found, until)))


def _connected_within(ctx: click.Context, seconds: float) -> "Node":
    from otpy.cli.appearing import connected_within  # noqa: PLC0415 - of all commands only here

    return connected_within(ctx, seconds)


def _all_of(node: "Node") -> list[str]:
    return [row.path for row in rows_of(node) if row.path not in BESIDE]


def _wait(
    node: "Node", names: Sequence[str], until: "Until", timeout: float | None
) -> "list[ProcessInfo | None]":
    from otpy.client.waiting import wait_until  # noqa: PLC0415 - only this waits

    return wait_until(node, names, until, timeout)


def _measured(node: "Node", found: "Sequence[ProcessInfo | None]") -> list[Process | None]:
    groups = groups_of(_all_rows(node, found), node.pid)
    now = time.time()
    return [None if row is None else measured([row], groups, now=now)[0] for row in found]


def _all_rows(node: "Node", found: "Sequence[ProcessInfo | None]") -> "Sequence[ProcessInfo]":
    try:
        return rows_of(node)
    except OtpyError:  # the node has ended, as was waited for
        return [row for row in found if row is not None]


def _lines(
    names: Sequence[str], found: "Sequence[ProcessInfo | None]", until: "Until"
) -> Iterator[str]:
    for name, row in zip(names, found, strict=True):
        pid = "" if row is None or row.pid is None else f", pid {row.pid}"
        yield f"{shown(name)}: {until}{pid}"
