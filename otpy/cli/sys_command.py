"""Commands of requests about a process that need no module: see `otpy.wire.sys_messages`."""

from collections.abc import Iterator

import click

from otpy.cli.complete import child_names
from otpy.cli.names import suggesting
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.render import plain, to_json
from otpy.cli.session import connected
from otpy.cli.show import show
from otpy.wire.sys_messages import SysRequest


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
    @click.argument("name", shell_complete=child_names)
    @timeout_option
    @node_option
    @json_option
    @click.pass_context
    def command(ctx: click.Context, name: str, *, timeout: float | None, as_json: bool) -> None:
        node = connected(ctx)
        with suggesting(node, name):
            value = getattr(node[name], kind.operation)(timeout=timeout)
        show(to_json({"name": name, kind.operation: value}) if as_json else plain(value))

    return command
