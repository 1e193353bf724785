"""One node of a name at a time: the lock file, and what the node says of itself."""

import fcntl
import os
import sys
import time
from typing import Final

import msgspec

from otpy.errors import NodeAlreadyRunning
from otpy.system.nodedir import NodeDir
from otpy.system.procfs import start_time

_LOOK_EVERY_S: Final = 0.05


def acquire(directory: NodeDir, config: str) -> int:
    """Take the node's lock; the descriptor holds it, in every process that inherits it.

    When a node was killed, its processes still hold the lock while they stop: they are waited
    for, within their own shutdown budgets.

    Raises:
        NodeAlreadyRunning: A living node holds it.
    """
    fd = os.open(directory.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    told = False
    while not _try_lock(fd):
        pid = _living_node(directory)
        if pid is not None:
            os.close(fd)
            raise NodeAlreadyRunning(directory.name, pid)
        if not told:
            told = True
            sys.stderr.write("otpy: waiting for what is left of the last node to stop\n")
        # Two waits at once, for the lock and for a node that may just be starting: a look now
        # and then, only here, before anything runs.
        time.sleep(_LOOK_EVERY_S)
    _write_facts(directory, config)
    return fd


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _living_node(directory: NodeDir) -> int | None:
    """Tell the pid of the node that wrote ``node.json``, if it is still that process."""
    facts = directory.read_node_json()
    pid, ticks = facts.get("pid"), facts.get("start_ticks")
    if not isinstance(pid, int) or ticks is None:
        return None
    # The pid alone may have been reused since; a zombie is dead.
    return pid if start_time(pid) == ticks else None


def _write_facts(directory: NodeDir, config: str) -> None:
    facts = {
        "name": directory.name,
        "pid": os.getpid(),
        "start_ticks": start_time(os.getpid()),
        "config": config,
        "started_at": time.time(),
    }
    fresh = directory.node_json.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(facts) + b"\n")
    fresh.replace(directory.node_json)
