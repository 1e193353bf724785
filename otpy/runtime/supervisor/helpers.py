"""Short-lived processes of a supervisor's: they do what may block, or not come back."""

import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from otpy.core.surroundings import NODES, Surroundings
from otpy.system.descriptor import Descriptor, pipe
from otpy.system.loop import Loop
from otpy.system.programs import CannotExecute
from otpy.system.spawn import become_child, become_worker, exec_command, fork_watched
from otpy.system.wait import WaitStatus, kill_group, reap, send_signal

_READ_BYTES: Final = 1 << 16
_TAIL_BYTES: Final = 4096
_CANNOT_EXECUTE: Final = 127
"""Exit status of a shell that finds no program."""

Done = Callable[[WaitStatus, str], None]


class HelperReaper(Protocol):
    """What reaps them: a supervisor's `Reaper`."""

    def watch_helper(self, pid: int, reap: Callable[[], None]) -> None:
        """Call `reap`, which has to reap `pid`, when that has ended."""

    def await_helper(self, pid: int) -> None:
        """Start nothing before `pid`, which was killed, is gone."""


class Helper:
    """One such process, in a session of its own; what is left of its group ends with it.

    Args:
        loop: The supervisor's.
        reaper: The supervisor's.
        main: Runs in the forked process; returns the exit status.
        done: Called with the status and the last of the output, unless `close` was called before.
        keep: Descriptors that stay open there.

    Raises:
        OSError: There are too many processes or open files, or there is no memory.
    """

    def __init__(
        self,
        loop: Loop,
        reaper: HelperReaper,
        main: Callable[[], int],
        done: Done,
        keep: tuple[int, ...] = (),
    ) -> None:
        self._loop, self._reaper = loop, reaper
        self._done: Done | None = done
        self._tail = b""
        self._output, theirs = pipe()
        try:
            with theirs:
                run = partial(_run, main, os.getpid(), theirs, loop, keep)
                ((self._pid, self._pidfd),) = fork_watched([run])
        except OSError:
            self._output.close()
            raise
        os.set_blocking(self._output.fileno(), False)
        reaper.watch_helper(self._pid, self._ended)
        try:
            loop.watch(self._output, self._readable)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Kill it, if it has not ended, and tell nobody."""
        if self._done is None:
            return
        self._done = None
        self._kill()
        self._reaper.await_helper(self._pid)

    def _kill(self) -> None:
        kill_group(self._pid)
        send_signal(self._pidfd, signal.SIGKILL)  # it has not made its group yet

    def _readable(self, _events: int) -> None:
        self._read()

    def _read(self) -> bool:
        """Read once; return whether there may be more."""
        with contextlib.suppress(BlockingIOError):
            if data := os.read(self._output.fileno(), _READ_BYTES):
                self._tail = (self._tail + data)[-_TAIL_BYTES:]
                return True
            self._loop.unwatch(self._output)
        return False

    def _ended(self) -> None:
        kill_group(self._pid)  # before its number may be another's
        status = reap(self._pid)
        # One of its group may still write: read what is there, do not wait for end-of-file.
        for _ in range(64):
            if not self._read():
                break
        self._output.close()
        self._pidfd.close()
        if (done := self._done) is not None:
            self._done = None
            done(status, self._tail.decode(errors="replace"))


class Helpers:
    """Starts them.

    Args:
        loop: The supervisor's.
        reaper: The supervisor's.
    """

    def __init__(self, loop: Loop, reaper: HelperReaper) -> None:
        self._loop, self._reaper = loop, reaper

    def run(self, main: Callable[[], int], done: Done, keep: tuple[int, ...] = ()) -> Helper:
        """Run `main` in a process; call `done` with the end, and the last that it printed.

        The descriptors of `keep` stay open there.

        Raises:
            OSError: There are too many processes or open files, or there is no memory.
        """
        return Helper(self._loop, self._reaper, main, done, keep)

    def execute(self, argv: tuple[str, ...], given: Surroundings, done: Done) -> Helper:
        """Run a program in what a child starts in; as `run`."""
        return self.run(partial(_execute, argv, given, os.getpid()), done)


def _run(
    main: Callable[[], int],
    supervisor: int,
    output: Descriptor,
    loop: Loop,
    keep: tuple[int, ...],
) -> int:
    loop.close()
    become_child("otpy: helper", keep, (output, output))
    become_worker(supervisor)
    return main()


def _execute(argv: tuple[str, ...], given: Surroundings, supervisor: int) -> int:
    # Not above: it is on pages that workers do without.
    from otpy.runtime.worker.surroundings import (  # noqa: PLC0415
        CannotEnter,
        enter_surroundings,
    )

    try:
        if given != NODES:
            enter_surroundings(given, supervisor)
        exec_command(argv)
    except (CannotEnter, CannotExecute) as error:
        os.write(2, f"{error}\n".encode())
    return _CANNOT_EXECUTE
