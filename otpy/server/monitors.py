# Generated from otpy/aio/server/monitors.py by scripts/generate_blocking.py; do not edit.

"""Monitors and links to other workers of the tree (erlang:monitor/2, link/1)."""

import contextlib

from otpy.errors import NoProcess
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.messages import Down, Exit
from otpy.server.context import current, next_monitor, peers
from otpy.wire.control import Demonitor, LinkTo, MonitorTo, Unlink, Whereis
from otpy.wire.gateway import TreeRow


def monitor(name: str) -> int:
    """Monitor a process: a `Down` arrives in `handle_info` once it has ended; at once if it has.

    What it sent before its end arrives before. It is of the present incarnation: the next one is
    not monitored. Several monitors of one process are several `Down`.

    Returns:
        A reference: `Down.monitor`, and what `demonitor` takes.

    Raises:
        TypeError: The name is no string.
        OtpyError: This process is not a worker of a tree.
    """
    operation = MonitorTo(next_monitor(), name)
    peers().ask_node(operation, DEFAULT_TIMEOUT_S)
    return operation.number


def demonitor(reference: int) -> None:
    """Undo `monitor`: no `Down` of it arrives any more, not even one that is here already."""
    if not isinstance(reference, int):
        raise TypeError(f"demonitor takes what monitor returned, got {reference!r:.100}")
    peers().ask_node(Demonitor(int(reference)), DEFAULT_TIMEOUT_S)
    current().mailbox.drop(
        lambda message: isinstance(message, Down) and message.monitor == reference
    )


def link(name: str) -> None:
    """Link this process and another, for as long as both live; a second link is none.

    When one ends, the other ends with the same reason, unless it traps exits
    (`GenServer.trap_exit`): then an `Exit` arrives in its `handle_info`. The reason ``normal``
    ends no process. A link to a process that has ended is an `Exit` with ``noproc``.

    Raises:
        NoProcess: The other has ended, and this process does not trap exits.
        OtpyError: This process is not a worker of a tree.
    """
    peers().ask_node(LinkTo(name, current().trap_exit), DEFAULT_TIMEOUT_S)


def unlink(name: str) -> None:
    """Undo `link`: no `Exit` of it arrives any more, not even one that is here already."""
    others, path = peers(), name
    # A process that is gone for good has no name any more; an `Exit` of it may be here.
    with contextlib.suppress(NoProcess):
        there = others.ask_node(Whereis(name), DEFAULT_TIMEOUT_S)
        assert isinstance(there, TreeRow)
        path = there.path
        others.ask_node(Unlink(name), DEFAULT_TIMEOUT_S)
    current().mailbox.drop(lambda message: isinstance(message, Exit) and message.path == path)
