"""The node that a command line is about, and the connection to it."""

from typing import TYPE_CHECKING

import click

from otpy.errors import NodeNotFound
from otpy.system.nodedir import node_names

if TYPE_CHECKING:
    from otpy import Node


class Session:
    """The node that a command line names, before or after the subcommand."""

    def __init__(self) -> None:
        self.node: str | None = None


def connected(ctx: click.Context) -> "Node":
    """Connect to the node that the command line names; closed with the context."""
    from otpy import connect  # noqa: PLC0415 - `otpy check` needs no client

    name = ctx.ensure_object(Session).node
    try:
        return ctx.with_resource(connect(name))
    except NodeNotFound:
        if name is None and len(names := node_names()) > 1:
            many = f"{len(names)} nodes run: {', '.join(names)}"
            raise NodeNotFound(f"{many}; pick one, as in `otpy -n {names[0]} tree`") from None
        raise
