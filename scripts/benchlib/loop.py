"""The baseline: the plain loop of `multiprocessing` fork, pidfd and poll that keeps workers alive.

``python loop.py COUNT FIFO [ahead]``. Like a supervisor it waits until one worker is ready before
it starts the next; it has imported the same modules, and freezes them as well. It watches,
restarts, and does nothing else: no strategy, no limits, no sessions, no reports. Its workers
import their GenServer after the fork, as otpy's do; with ``ahead`` the loop has done that for them.
"""

import gc
import importlib
import multiprocessing
import os
import resource
import select
import sys
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess

_WORKER = "benchlib.worker"


def work(fifo: str, supervisor: "Connection[str, str]") -> None:
    """Be a worker: run the same init, say that it is ready, then wait."""
    importlib.import_module(_WORKER).Marker().init(fifo)
    supervisor.send("ready")
    supervisor.recv()


def keep(count: int, fifo: str) -> None:
    """Keep `count` workers alive, for ever."""
    poller = select.poll()
    running: dict[int, tuple[ForkProcess, Connection[str, str]]] = {}
    fork = multiprocessing.get_context("fork")

    def start() -> None:
        ours, theirs = fork.Pipe()
        process = fork.Process(target=work, args=(fifo, theirs))
        process.start()
        theirs.close()
        ours.recv()
        assert process.pid is not None
        pidfd = os.pidfd_open(process.pid)
        poller.register(pidfd, select.POLLIN)
        running[pidfd] = process, ours

    for _ in range(count):
        start()
    while True:
        for pidfd, _ in poller.poll():
            poller.unregister(pidfd)
            os.close(pidfd)
            process, ours = running.pop(pidfd)
            process.join()
            process.close()
            ours.close()
            start()


if __name__ == "__main__":
    # All that an otpy supervisor has imported, and so all that its children are forked with.
    importlib.import_module("otpy.runtime.node.launch")
    if sys.argv[3:] == ["ahead"]:
        importlib.import_module(_WORKER)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.collect()
    gc.freeze()
    keep(int(sys.argv[1]), sys.argv[2])
