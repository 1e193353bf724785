"""Run code in a process of its own, since it may print, hang, exit or crash."""

import contextlib
import json
import os
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

from otpy.core.exits import ExitReason, ExitStatus, Killed, Normal, Signaled
from otpy.system.descriptor import Descriptor, pipe
from otpy.system.prctl import die_with
from otpy.system.search_path import search_as, search_start_directory

Task: TypeAlias = Callable[[], object]
"""Its result must be JSON."""

_STDERR: Final = 2


@dataclass(frozen=True, slots=True)
class Died:
    """The task ended its process."""

    reason: ExitReason


def run(tasks: Sequence[Task], path: Sequence[str] = ()) -> Iterator[Any]:
    """Run `tasks` one after another in another process.

    That is a fresh interpreter, and no fork of this process: here may be threads, and modules that
    are named like the user's. It never outlives this process. A task that ends it costs only its
    own result: the rest runs in another one. The wait has no limit; an exception such as
    KeyboardInterrupt ends the process.

    Args:
        tasks: Functions that pickle can carry.
        path: Where modules are looked for; by default where otpy was started.

    Yields:
        For each task its result, or `Died`.
    """
    done = 0
    while done < len(tasks):
        results, reason = _run_until_death(tasks[done:], path)
        yield from results
        done += len(results)
        if done < len(tasks):
            yield Died(reason)
            done += 1


def _run_until_death(tasks: Sequence[Task], path: Sequence[str]) -> tuple[list[Any], ExitReason]:
    reading, writing = pipe()
    with reading:
        with writing:
            process = _start(tasks, path, writing)
        try:
            lines = _read(reading, process.pid).split(b"\n")[:-1]
        finally:
            reason = _end(process)
    return [json.loads(line) for line in lines[: len(tasks)]], reason


def _start(
    tasks: Sequence[Task], path: Sequence[str], writing: Descriptor
) -> "subprocess.Popen[bytes]":
    sys.stdout.flush()
    sys.stderr.flush()
    with Descriptor(os.memfd_create("otpy-isolated")) as given:
        os.write(given.fileno(), pickle.dumps(list(path)) + pickle.dumps(list(tasks)))
        os.lseek(given.fileno(), 0, os.SEEK_SET)
        inherited = (given.fileno(), writing.fileno())
        numbers = map(str, (os.getpid(), *inherited))
        return subprocess.Popen(  # noqa: S603  # a program of ours
            [sys.executable, "-P", "-m", __name__, *numbers],
            stdin=subprocess.DEVNULL,
            stdout=_STDERR,
            pass_fds=inherited,
            start_new_session=True,  # so that its whole group can be ended, and none but that by it
        )


def main(parent: int, given: int, writing: int) -> NoReturn:
    """Run the tasks in the process started for them; nothing else may run in it."""
    try:
        die_with(parent)
        me = os.getpid()
        os.set_inheritable(writing, False)
        sys.argv = ["otpy"]
        with open(given, "rb") as file:  # a descriptor has no path
            path: list[str] = pickle.load(file)  # noqa: S301  # of the process that started this
            tasks: list[Task] = pickle.load(file)  # noqa: S301  # as above
        search_as(path)
        search_start_directory()  # after otpy's own imports: a module there may be named alike
        sys.stdout = sys.stderr
        for task in tasks:
            line = json.dumps(task()).encode() + b"\n"
            if os.getpid() != me:
                os._exit(0)  # the task forked, and this is the copy
            _write(writing, line)
        os._exit(0)
    except BaseException:  # noqa: BLE001  # a task's own are among its results
        os._exit(1)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _read(end: Descriptor, pid: int) -> bytes:
    """Read all that the process writes until it ends.

    Not until end-of-file: what the process forked may hold the pipe open.
    """
    descriptor = end.fileno()
    os.set_blocking(descriptor, False)
    with Descriptor(os.pidfd_open(pid)) as pidfd:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        received = b""
        while True:
            ready = {fd for fd, _ in poll.poll()}
            chunk = _read_some(descriptor)
            received += chunk or b""
            if chunk == b"" and pidfd.fileno() not in ready:
                poll.unregister(descriptor)
            elif not chunk and pidfd.fileno() in ready:
                return received


def _read_some(descriptor: int) -> bytes | None:
    """Read what is there; None if the pipe is empty, nothing at its end."""
    try:
        return os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return None


def _end(process: "subprocess.Popen[bytes]") -> ExitReason:
    """End the process and its group, and return how it ended."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):  # it has no group yet
            kill(process.pid, signal.SIGKILL)
    code = process.wait()
    if code == -signal.SIGKILL:
        return Killed()
    if code < 0:
        return Signaled(next((s.name for s in signal.Signals if s == -code), f"SIG{-code}"))
    return ExitStatus(code) if code else Normal()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
