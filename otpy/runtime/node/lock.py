"""The lock of a node's name: one node of a name at a time.

There are two locks on that file. The one of flock(2) is held by the node, the gateway and every
supervisor, since they inherit it: it is free when none of them is left. The one of fcntl(2) is held
by the node and each supervisor for itself, since no child inherits it: it is free when no process
is left that would stop the others. Workers and programs hold neither, so that nothing that they do
to their descriptors hides the node; what is left of them is found by its mark.
"""

import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable
from typing import Final

from otpy.errors import NodeAlreadyRunning
from otpy.runtime.node.orphans import end_orphans, tag_environment
from otpy.system.claim import Claim
from otpy.system.descriptor import Descriptor
from otpy.system.nodedir import NodeDir
from otpy.system.procfs import start_time

_LOOK_EVERY_S: Final = 0.05


def acquire(directory: NodeDir, claim: Claim) -> Descriptor:
    """Create the node's folder, lock it, and return the descriptor that holds the lock.

    When a node was killed, its supervisors still hold the lock while they stop: they are waited
    for, within their own shutdown budgets. What no supervisor looks after any more is killed.

    Args:
        directory: Of the node.
        claim: On the node's name; taken, too.

    Raises:
        NodeAlreadyRunning: A living node holds it. Nothing was made then.
    """
    refuse_second(directory, claim)
    lock, told = _open(directory), False
    try:
        while not _take_all(lock, directory, claim):
            refuse_second(directory, claim)
            if not told:
                told = True
                sys.stderr.write("otpy: waiting for what is left of the last node to stop\n")
            # Two waits at once, for the lock and for a node that may just be starting: a look now
            # and then, only here, before anything runs.
            time.sleep(_LOOK_EVERY_S)
            if not _is_there(lock, directory):
                lock.close()
                lock = _open(directory)
        tag_environment(directory.path)
    except BaseException:
        if not lock.closed:
            lock.close()
        raise
    return lock


def refuse_second(directory: NodeDir, claim: Claim) -> None:
    """Raise NodeAlreadyRunning if a living node has that name."""
    pid = claim.holder()
    if pid == 0:  # in another pid namespace
        pid = directory.read_node_json().get("pid", 0)
    if pid is None:
        pid = _living_node(directory)
    if pid is not None:
        raise NodeAlreadyRunning(directory.name, pid)


def _open(directory: NodeDir) -> Descriptor:
    directory.create()
    return Descriptor(os.open(directory.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _is_there(lock: Descriptor, directory: NodeDir) -> bool:
    """Return whether the file is still the one that others would lock."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), directory.lock.stat())
    except OSError:
        return False


def _take_all(lock: Descriptor, directory: NodeDir, claim: Claim) -> bool:
    """Try once to take the lock and the name; only one run at a time gets beyond the first line."""
    if not _try_lock(fcntl.lockf, lock):
        return False
    # The name first: whose lock file was removed holds that alone, and is to stop in order.
    taken = claim.take() and _take(lock, directory) and _is_there(lock, directory)
    if not taken:
        claim.release()
        fcntl.flock(lock, fcntl.LOCK_UN)
    fcntl.lockf(lock, fcntl.LOCK_SH if taken else fcntl.LOCK_UN)
    return taken


def take_both(lock: Descriptor) -> bool:
    """Acquire both locks for a node that runs, if both are free."""
    if not (_try_lock(fcntl.lockf, lock) and _try_lock(fcntl.flock, lock)):
        return False
    fcntl.lockf(lock, fcntl.LOCK_SH)
    return True


def _take(lock: Descriptor, directory: NodeDir) -> bool:
    """Acquire the other lock, if it is free, and end the processes without a supervisor."""
    taken = _try_lock(fcntl.flock, lock)
    # Whatever files are left: they may have been removed since.
    end_orphans(directory.path, directory.read_node_json().get("cgroup"))
    return taken


def _try_lock(take: Callable[[Descriptor, int], object], lock: Descriptor) -> bool:
    """Acquire one of the two locks, if it is free; return whether it was."""
    try:
        take(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _living_node(directory: NodeDir) -> int | None:
    """Return the pid of the node that wrote ``node.json``, if it is still that process."""
    facts = directory.read_node_json()
    pid, ticks = facts.get("pid"), facts.get("start_ticks")
    if not isinstance(pid, int) or ticks is None:
        return None
    # The pid alone may have been reused since; a zombie is dead.
    return pid if start_time(pid) == ticks else None
