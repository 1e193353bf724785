"""``otpy wait``."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from otpy.cli.arguments import SecondsType
from otpy.cli.complete import child_names
from otpy.cli.errors import Failed, NotThere, TimedOut, otpy_line
from otpy.cli.names import rows_of, shown
from otpy.cli.options import json_option, node_option
from otpy.cli.processes import groups_of, measured
from otpy.cli.render import to_json
from otpy.cli.session import connected
from otpy.cli.show import show
from otpy.errors import CallTimeout, NodeNotFound, NoProcess, OtpyError, StartFailed
from otpy.wire.paths import BESIDE

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo
    from otpy.wire.gateway import Until

_AT_LEAST_S: Final = 0.001

_KINDS: Final[dict[type[OtpyError], type[Failed]]] = {
    NoProcess: NotThere,
    NodeNotFound: NotThere,
    CallTimeout: TimedOut,
}


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...", shell_complete=child_names)
@click.option("--all", "all_", is_flag=True, help="All processes that the tree has now.")
@click.option(
    "--ready", "until", flag_value="ready", default=True, help="Until they are ready (default)."
)
@click.option("--gone", "until", flag_value="gone", help="Until they have ended, and stay down.")
@click.option(
    "--timeout",
    type=SecondsType(),
    default=None,
    metavar="SECONDS",
    help="How long to wait for the node and for all of them; without it, for ever.",
)
@node_option
@json_option
@click.pass_context
def wait(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    all_: bool,
    until: "Until",
    timeout: float | None,
    as_json: bool,
) -> None:
    """Wait until processes are ready, or gone.

    Ready is one that runs, and whose `ready` holds: see `otpy tree`. The root supervisor is ready
    when the tree is up. Gone is one that does not run, and that nobody is about to start again; one
    that is not in the tree is gone, too. With --timeout a node that does not run yet is waited for.

    Exit status: 0 they are so; 1 one has failed, and stays down; 3 there is no such node or
    process; 4 it was not so in time.
    """
    if bool(names) == all_:
        raise click.UsageError("name processes, or say --all", ctx)
    try:
        began = time.monotonic()
        node = connected(ctx) if timeout is None else _connected_within(ctx, timeout)
        wanted = _all_of(node) if all_ else names
        left = timeout and max(_AT_LEAST_S, timeout - (time.monotonic() - began))
        found = _wait(node, wanted, until, left)
    except CallTimeout as error:
        late = str(error).rpartition(" within ")[0]
        _fail(CallTimeout(f"{late} within {timeout:g} s"), as_json=as_json)
    except OtpyError as error:
        _fail(error, as_json=as_json)
    else:
        _show(node, wanted, found, until, as_json=as_json)


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


def _fail(error: OtpyError, *, as_json: bool) -> None:
    text = str(error) if isinstance(error, StartFailed) else otpy_line(error)
    if as_json:
        kind = type(error).__name__
        show(to_json({"ok": False, "error": {"kind": kind, "message": text}}))
    kinds = (failed for kind, failed in _KINDS.items() if isinstance(error, kind))
    raise next(kinds, Failed)(text) from None


def _all_rows(node: "Node", found: "Sequence[ProcessInfo | None]") -> "Sequence[ProcessInfo]":
    try:
        return rows_of(node)
    except OtpyError:  # the node has ended, as was waited for
        return [row for row in found if row is not None]


def _show(
    node: "Node",
    names: Sequence[str],
    found: "Sequence[ProcessInfo | None]",
    until: "Until",
    *,
    as_json: bool,
) -> None:
    if as_json:
        groups = groups_of(_all_rows(node, found), node.pid)
        rows = [row and measured([row], groups, now=time.time())[0] for row in found]
        show(to_json({"ok": True, "result": rows}))
        return
    for name, row in zip(names, found, strict=True):
        pid = "" if row is None or row.pid is None else f", pid {row.pid}"
        show(f"{shown(name)}: {until}{pid}")
