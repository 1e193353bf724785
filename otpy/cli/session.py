"""The node that a command line is about, and the connection to it."""

from typing import TYPE_CHECKING, Final

import click

from otpy.errors import NodeNotFound
from otpy.system.nodedir import node_names

if TYPE_CHECKING:
    from otpy import Node


ANSWER_S: Final = 5.0
"""Seconds to wait for an answer that takes no time, unless less is said."""


class Session:
    """What a command line says that most commands have in common.

    Attributes:
        node: The node's name, said before or after the subcommand.
        as_json: It says ``--json``.
        timeout: Seconds to wait, or None for ever.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.node: str | None = None
        self.as_json = as_json
        self.timeout: float | None = None


def time_limit(ctx: click.Context) -> float | None:
    """Return the seconds that ``--timeout`` says, or its default; None for ever."""
    return ctx.ensure_object(Session).timeout


def answer_timeout(ctx: click.Context) -> float:
    """Return how long to wait for an answer that takes no time: 5 s, or less if it is said."""
    timeout = time_limit(ctx)
    return ANSWER_S if timeout is None else min(timeout, ANSWER_S)


def connected(ctx: click.Context) -> "Node":
    """Connect to the node that the command line names; closed with the context."""
    from otpy import connect  # noqa: PLC0415 - `otpy check` needs no client

    name = ctx.ensure_object(Session).node
    try:
        return ctx.with_resource(connect(name, timeout=answer_timeout(ctx)))
    except NodeNotFound:
        if name is None and len(names := node_names()) > 1:
            many = f"{len(names)} nodes run: {', '.join(names)}"
            raise NodeNotFound(f"{many}; pick one, as in `otpy -n {names[0]} tree`") from None
        raise
