"""The node that a command line is about, and the connection to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from otpy.client import Node


@dataclass
class Session:
    """What a command line says about the node, before and after the subcommand."""

    node: str | None = None


def connected(ctx: click.Context) -> "Node":
    """Connect to the node that the command line names; closed with the context."""
    from otpy.client import connect  # noqa: PLC0415 - `otpy check` needs no client

    return ctx.with_resource(connect(ctx.ensure_object(Session).node))
