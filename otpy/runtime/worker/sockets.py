"""The sockets that a worker asks the node for, before it runs anything of the user's."""

import os
from collections.abc import Sequence

from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.server import sockets
from otpy.system.descriptor import Descriptor, close_all
from otpy.wire.control import MAX_SOCKETS, Address, GetSockets

FIRST = 3
"""The descriptor of a program's first socket (sd_listen_fds(3))."""


class NoSockets(Exception):
    """The sockets of a child cannot be had; the text says why."""


def take_sockets(names: Sequence[str], me: Address, mailbox: WorkerMailbox) -> list[Descriptor]:
    """Get the sockets of these names from the node.

    Raises:
        NoSockets: This process, or one on the way, has too many open files.
        OtpyError: What the node answered.
    """
    taken: list[Descriptor] = []
    try:
        for at in range(0, len(names), MAX_SOCKETS):
            taken += _some(tuple(names[at : at + MAX_SOCKETS]), me, mailbox)
    except BaseException:
        close_all(taken)
        raise
    return taken


def _some(names: tuple[str, ...], me: Address, mailbox: WorkerMailbox) -> tuple[Descriptor, ...]:
    _, fds = mailbox.control.ask(me, GetSockets(names), None)
    if len(fds) != len(names):
        # What the kernel could not pass on was dropped, and what came with it closed.
        raise NoSockets(f"sockets: too many open files for {', '.join(names)}")
    return fds


def hand_to_python(names: Sequence[str], taken: Sequence[Descriptor]) -> None:
    """Put them into `otpy.sockets`."""
    for name, descriptor in zip(names, taken, strict=True):
        sockets.add(name, descriptor.detach())


def numbered(names: Sequence[str], taken: Sequence[Descriptor]) -> dict[int, Descriptor]:
    """Return which descriptors a program is to have; its environment says so from now on."""
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(names))
    os.environ["LISTEN_FDNAMES"] = ":".join(names)
    return dict(enumerate(taken, FIRST))
