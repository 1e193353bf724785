"""A process of its own for code that may print, hang, exit or crash: only its results come back."""

import importlib
import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from otpy.core.exits import ExitReason, ExitStatus, Killed, Normal, Signaled
from otpy.system.search_path import search_start_directory

Task: TypeAlias = Callable[[], object]
"""What it returns must be JSON."""


@dataclass(frozen=True, slots=True)
class Died:
    """The task ended its process."""

    reason: ExitReason


def run(tasks: Sequence[Task]) -> Iterator[Any]:
    """Run `tasks` one after another in a forked process.

    A task that ends the process costs only its own result: the rest runs in a fresh one. The
    wait has no limit; an exception such as KeyboardInterrupt ends the process.

    Yields:
        For each task its result, or `Died`.
    """
    done = 0
    while done < len(tasks):
        results, reason = _run_until_death(tasks[done:])
        yield from results
        done += len(results)
        if done < len(tasks):
            yield Died(reason)
            done += 1


def _run_until_death(tasks: Sequence[Task]) -> tuple[list[Any], ExitReason]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_probe(tasks, writing)
    os.close(writing)
    try:
        lines = _read(reading, pid).split(b"\n")[:-1]
    finally:
        os.close(reading)
        reason = _end(pid)
    return [json.loads(line) for line in lines[: len(tasks)]], reason


def _be_probe(tasks: Sequence[Task], writing: int) -> NoReturn:
    """Be the forked process; nothing of the caller's may run in it afterwards."""
    try:
        me = os.getpid()
        _settle()
        for task in tasks:
            line = json.dumps(task()).encode() + b"\n"
            if os.getpid() != me:
                os._exit(0)  # the task forked, and this is the copy
            _write(writing, line)
        os._exit(0)
    finally:
        os._exit(1)


def _settle() -> None:
    os.setsid()  # so that its whole group can be ended, and none but its group by it
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    search_start_directory()
    importlib.invalidate_caches()


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _read(descriptor: int, pid: int) -> bytes:
    """Read all that the process writes until it ends.

    Not until end-of-file: what the process forked may hold the pipe open.
    """
    os.set_blocking(descriptor, False)
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        received = b""
        while True:
            ready = {fd for fd, _ in poll.poll()}
            chunk = _read_some(descriptor)
            received += chunk or b""
            if chunk == b"" and pidfd not in ready:
                poll.unregister(descriptor)
            elif not chunk and pidfd in ready:
                return received
    finally:
        os.close(pidfd)


def _read_some(descriptor: int) -> bytes | None:
    """Read what is there; None if the pipe is empty, nothing at its end."""
    try:
        return os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return None


def _end(pid: int) -> ExitReason:
    """End the process and its group, and tell how it ended."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it has no group yet
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return Killed()
    if code < 0:
        return Signaled(next((s.name for s in signal.Signals if s == -code), f"SIG{-code}"))
    return ExitStatus(code) if code else Normal()
