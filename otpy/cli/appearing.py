"""A node that does not run yet: its socket appears in its folder when it does."""

import contextlib
import select
import time
from typing import TYPE_CHECKING, Final

import click

from otpy.cli.session import Session, connected
from otpy.errors import NodeNotFound
from otpy.system.inotify import CREATE, MOVED_TO, Inotify
from otpy.system.nodedir import node_names, runtime_dir

if TYPE_CHECKING:
    from otpy import Node

_APPEARS: Final = CREATE | MOVED_TO


def connected_within(ctx: click.Context, seconds: float) -> "Node":
    """Connect to the node that the command line names, as soon as it runs.

    Args:
        ctx: Of the command.
        seconds: How long to wait for it.

    Raises:
        NodeNotFound: It does not run by then; or none is named, and several run.
    """
    deadline = time.monotonic() + seconds
    with Inotify() as changes:
        while True:
            _watch(changes)
            try:
                return connected(ctx)
            except NodeNotFound:
                is_named = ctx.ensure_object(Session).node is not None
                if (not is_named and len(node_names()) > 1) or not _changed(changes, deadline):
                    raise
            changes.drain()


def _watch(changes: Inotify) -> None:
    """Watch the folders of the nodes, and for more of them."""
    folder = runtime_dir(create=True)
    changes.add(folder, _APPEARS)
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):  # it is no folder of ours, or is gone
            changes.add(entry, _APPEARS)


def _changed(changes: Inotify, deadline: float) -> bool:
    """Wait until something has appeared; return whether it has, by then."""
    poll = select.poll()
    poll.register(changes, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
