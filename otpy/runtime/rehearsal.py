"""A worker's first and last moments, played where the workers will be forked from.

Python writes into a function's code while it runs, until it has found the best instructions for
it (PEP 659). Cold, each of a thousand workers would do so in a copy of its own of every page
that its start passes through; warm, they share those pages, and start faster.
"""

import sys
from typing import Final

from otpy.runtime.child import control_channel
from otpy.runtime.gauges import private_gauge
from otpy.runtime.mailbox import WorkerMailbox
from otpy.runtime.worker import be_child, enter
from otpy.server import context
from otpy.system.spawn import control_pipe
from otpy.wire.control import BeWorker

_UNDERSTUDY: Final = "otpy.runtime.understudy"
_ROUNDS: Final = 20
"""CPython 3.11 begins to look for better instructions after eight runs."""


def rehearse() -> None:
    """Run what a worker runs, until its code is warm."""
    for _ in range(_ROUNDS):
        ours, theirs = control_pipe()
        supervisor, mailbox = control_channel(ours), WorkerMailbox(theirs, private_gauge())
        supervisor.send(BeWorker("understudy", 1, f"{_UNDERSTUDY}:Understudy"))
        child = mailbox.assigned()
        enter(child, mailbox)
        status = be_child(child, mailbox, leashes=())
        assert status == 0
        context.leave()
        supervisor.close()
        del sys.modules[_UNDERSTUDY]
