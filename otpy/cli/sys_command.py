"""Commands of requests about a process that need no module: see `otpy.wire.sys_messages`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from otpy.cli.names import shown, suggesting
from otpy.cli.options import several
from otpy.cli.output import Done
from otpy.cli.render import plain
from otpy.cli.session import time_limit
from otpy.cli.targets import targets, workers
from otpy.wire.sys_messages import SysRequest

if TYPE_CHECKING:
    from otpy import ProcessInfo


def sys_commands() -> Iterator[str]:
    """Yield the names of those commands."""
    return (_name(kind) for kind in SysRequest.kinds.values() if kind.command)


def sys_command(name: str) -> click.Command | None:
    """Return the command of that name; None if there is none."""
    kinds = (kind for kind in SysRequest.kinds.values() if kind.command and _name(kind) == name)
    return next((_command(kind) for kind in kinds), None)


def _name(kind: type[SysRequest]) -> str:
    return kind.operation.replace("_", "-")


def _command(kind: type[SysRequest]) -> click.Command:
    @click.command(_name(kind), help=kind.command)
    @several("All workers that run.")
    @click.pass_context
    def command(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
        found = targets(ctx, names, all_=all_, choose=workers)

        def one(row: "ProcessInfo") -> Done:
            name = shown(row.path)
            with suggesting(found.node, name):
                value = getattr(found.node[row.path], kind.operation)(timeout=time_limit(ctx))
            text = plain(value) if len(found.names) == 1 else f"{name}: {plain(value)}"
            return Done(text, {kind.operation: value})

        found.each(one)

    return command
