"""Workers that leave processes behind, as programs do. Nodes under test import them."""

import fcntl
import os
import signal
import subprocess

from otpy import GenServer, Stop, call, receive
from otpy.server.context import current
from tests.support.workers import note

WAYS = ("group", "session", "daemon", "fork", "no environment")
SLEEP = ("sleep", "100000")


def leave_behind(how: str, fd: int) -> int:
    """Start a process that never ends by itself and keeps `fd`; return its pid.

    It is in a process group or a session of its own, or forked twice (a daemon), or forked and
    not exec'ed, with its variables and all other descriptors gone, or started with no variables.
    """
    match how:
        case "group":
            return subprocess.Popen(SLEEP, pass_fds=[fd], process_group=0).pid
        case "session":
            return subprocess.Popen(SLEEP, pass_fds=[fd], start_new_session=True).pid
        case "no environment":
            return subprocess.Popen(SLEEP, pass_fds=[fd], start_new_session=True, env={}).pid
    reader, writer = os.pipe()
    if child := os.fork():
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader) as told:
            return int(told.read())
    os.setsid()
    if os.fork():
        os._exit(0)
    os.write(writer, str(os.getpid()).encode())
    if how == "daemon":
        os.close(writer)
        os.set_inheritable(fd, True)
        os.execvp(SLEEP[0], SLEEP)
    os.environ.clear()
    os.closerange(0, fd)
    os.closerange(fd + 1, 1 << 16)
    while True:
        signal.pause()


class Holder(GenServer):
    """Holds a lock that processes hold with it which it leaves behind.

    Args (of the tree):
        log: The file to report to; the lock lies beside it.
        ways: How its processes are started.
    """

    def init(self, log: str, ways: tuple[str, ...] = WAYS) -> None:
        lock = _take(log, self.name)
        self.helpers = [leave_behind(how, lock) for how in ways]
        note(log, "holds", self.name, current().incarnation, *self.helpers)

    @call
    def leave(self, how: str) -> int:
        return leave_behind(how, 1)

    @call
    def end(self, how: str) -> object:
        if how == "raise":
            raise RuntimeError("as asked")
        if how == "exit":
            os._exit(0)
        return Stop(how, reply=None)


def holds(log: str) -> None:
    """Do as `Holder`, as a function."""
    name = current().name
    lock = _take(log, name)
    helpers = [leave_behind(how, lock) for how in ("session", "fork")]
    note(log, "holds", name, current().incarnation, *helpers)
    receive()


def _take(log: str, name: str) -> int:
    """Take the lock; it stays held until every process that has it has ended."""
    path = f"{log}.{name.replace('/', '.')}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note(log, "overlaps", name)
        raise
    return fd
