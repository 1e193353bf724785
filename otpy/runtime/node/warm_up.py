"""The warm-up: what a worker runs at its start and its end, run where workers are forked from.

Python writes into a function's code while it runs, until it has found the best instructions for
it (PEP 659). Cold, each of a thousand workers would do so in a copy of its own of every page
that its start passes through; warm, they share those pages, and start faster. The same goes for
what a worker does for its first clients.
"""

import os
import signal
import sys
from typing import Final

from otpy.links.protocol import ClientProtocol
from otpy.runtime.control_channel import WORKER, end_of_supervisor
from otpy.runtime.counters import private_counters
from otpy.runtime.gateway.handoff import open_handoff
from otpy.runtime.node.code_gathering import gather_code
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.runtime.worker.main import run_worker
from otpy.server import context
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import send_fds
from otpy.system.message_socket import MessageSocket
from otpy.system.pipes import link_pipes
from otpy.system.sockets import MESSAGES, Socket
from otpy.system.spawn import control_pipe
from otpy.wire.control import Assignment, OpenLink
from otpy.wire.handoff import NO_HELLO

_SERVER: Final = "otpy.runtime.node.warm_up_server"
_UNHANDLED: Final = int(signal.SIGUSR2)
_ROUNDS: Final = 20
"""CPython 3.11 begins to look for better instructions after eight runs."""
_GATHERED_AFTER: Final = 1
"""Before its instructions are changed, and once all of it has been imported."""


_rounds: Final = iter(range(_ROUNDS))
"""The warm-ups that neither this process nor its parent before the fork has run yet."""


def warm_up() -> None:
    """Run what a worker runs, until its code is warm, and lies side by side."""
    for number in _rounds:
        if number == _GATHERED_AFTER:
            gather_code(_run_worker)
        _run_worker()


def _run_worker() -> None:
    ours, theirs = control_pipe()
    supervisor = end_of_supervisor(ours, WORKER)
    mailbox = WorkerMailbox(theirs, private_counters())
    # With a signal that this process does not handle, as it does SIGTERM.
    assignment = Assignment("warm-up", 1, f"{_SERVER}:WarmUpServer", stop_signal=_UNHANDLED)
    supervisor.send(assignment)
    child = mailbox.order()
    assert isinstance(child, Assignment)
    clients = _open_link(supervisor)
    status = run_worker(child, mailbox, os.getppid())
    assert status == 0
    context.leave()
    supervisor.close()
    close_all(clients)
    del sys.modules[_SERVER]


def _open_link(supervisor: MessageSocket) -> tuple[Descriptor, ...]:
    """Connect one client by a message, one by the hand-off socket; both have written already."""
    first, theirs = link_pipes()
    (handoff,), (its,) = open_handoff()
    supervisor.send(OpenLink(0, ()), (*theirs, its))
    second, theirs = link_pipes()
    with Socket(handoff, MESSAGES) as way:
        send_fds(way, NO_HELLO, theirs)
    close_all(theirs)
    protocol = ClientProtocol()
    os.write(first[1].fileno(), protocol.call(1, "echo") + protocol.call(2, ("echo", 1)))
    os.write(second[1].fileno(), protocol.cast("finish"))
    return (*first, *second)
