"""The Python stacks of workers, however stuck they are: in a handler, or in C code.

Before it forks, a supervisor has `faulthandler` write the stacks of all threads into a file in
memory when a certain signal comes. Workers inherit both, and pay nothing for it. A worker that gets
the signal writes. No message says that it has finished, but the kernel shows it: the signal is no
longer pending, nor blocked, as it is while its handler runs.
"""

import faulthandler
import os
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otpy.errors import CallTimeout, NoProcess, OtpyError, ProcessDown
from otpy.runtime.supervisor.child import Child
from otpy.runtime.worker.main import run_forked
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop
from otpy.system.procfs import SignalMasks, signal_masks
from otpy.system.wait import send_signal
from otpy.wire.control import RawReply

SIGNAL: Final = int(signal.SIGRTMAX) - 1
_BIT: Final = 1 << (SIGNAL - 1)

_FIRST_LOOK_S: Final = 0.001
_LONGEST_PAUSE_S: Final = 0.05
_LOOKS: Final = 50
"""With the longest pause between them, about two seconds."""

_CALM_LOOKS: Final = 2
"""Between the delivery of a signal and the start of its handler, neither mask shows it."""

_MAX_WAITING: Final = 64
_MAX_BYTES: Final = 1 << 20

Reply = Callable[[RawReply | OtpyError], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """A request for the stacks of a worker."""

    child: Child
    reply: Reply


def _masks(child: Child) -> list[SignalMasks]:
    try:
        return signal_masks(child.pid)
    except OSError:  # out of descriptors, for one: no reason for a supervisor to end
        return []


def _of_the_worker(text: str) -> str:
    """Leave out what the supervisors were doing when they forked: it stands below."""
    kept, below = [], False
    for line in text.splitlines(keepends=True):
        below = below and line.startswith("  ")
        if not below:
            kept.append(line)
        below = below or line.rstrip().endswith(f" in {run_forked.__name__}")
    return "".join(kept)


class StackDumps:
    """Reads the stacks of workers, one worker at a time.

    Args:
        loop: The supervisor's; nothing is waited for while there is no request.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._fd: Descriptor | None = None
        self._waiting: deque[_Wanted] = deque()
        self._current: _Wanted | None = None
        self._looks = 0
        self._calm = 0

    def prepare(self) -> Descriptor:
        """Prepare the processes forked from now on; return the descriptor that they keep.

        Raises:
            OSError: There are too many open files.
        """
        if self._fd is None:
            fd = Descriptor(os.memfd_create("otpy-stacks"))
            faulthandler.register(SIGNAL, file=fd.fileno(), all_threads=True)
            self._fd = fd
        return self._fd

    def dump(self, child: Child, reply: Reply) -> None:
        """Call `reply` with the stacks of a worker, or with why there are none."""
        if len(self._waiting) >= _MAX_WAITING:
            reply(NoProcess("too many stacks are asked for at once"))
            return
        self._waiting.append(_Wanted(child, reply))
        self._begin_next()

    def forget(self, child: Child, reason: str) -> None:
        """Fail the requests for the stacks of a child that has ended."""
        for wanted in tuple(self._waiting):
            if wanted.child is child:
                self._waiting.remove(wanted)
                wanted.reply(ProcessDown(reason))
        if self._current is not None and self._current.child is child:
            self._finish(self._current, ProcessDown(reason))

    def _begin_next(self) -> None:
        if self._current is None and self._waiting:
            self._current = self._waiting.popleft()
            self._begin(self._current)

    def _begin(self, wanted: _Wanted) -> None:
        child = wanted.child
        if not any(each.caught & _BIT for each in _masks(child)):
            # The signal would end it.
            self._finish(
                wanted, NoProcess(f"{child.path!r} runs no Python that could write its stacks")
            )
            return
        assert self._fd is not None
        os.ftruncate(self._fd.fileno(), 0)
        os.lseek(self._fd.fileno(), 0, os.SEEK_SET)  # of all that share it
        send_signal(child.pidfd, SIGNAL)
        self._looks = self._calm = 0
        self._look_again(wanted, _FIRST_LOOK_S)

    def _look_again(self, wanted: _Wanted, pause: float) -> None:
        self._loop.call_later(pause, lambda: self._look(wanted, pause))

    def _look(self, wanted: _Wanted, pause: float) -> None:
        if wanted is not self._current:
            return  # it has ended
        threads = _masks(wanted.child)
        dead = not any(each.caught & _BIT for each in threads)  # of which we shall be told
        at_it = dead or any((each.pending | each.blocked) & _BIT for each in threads)
        self._calm = 0 if at_it else self._calm + 1
        self._looks += 1
        if self._calm >= _CALM_LOOKS:
            self._finish(wanted, self._result(wanted.child))
        elif self._looks >= _LOOKS:
            path = wanted.child.path
            self._finish(
                wanted, CallTimeout(f"{path!r} writes no stacks: it is stopped, or blocks them")
            )
        else:
            self._look_again(wanted, min(2 * pause, _LONGEST_PAUSE_S))

    def _result(self, child: Child) -> RawReply | OtpyError:
        assert self._fd is not None
        text = os.pread(self._fd.fileno(), _MAX_BYTES, 0).decode(errors="backslashreplace")
        if not text:
            return NoProcess(f"{child.path!r} has written no stacks")
        return RawReply(_of_the_worker(text))

    def _finish(self, wanted: _Wanted, answer: RawReply | OtpyError) -> None:
        self._current = None
        wanted.reply(answer)
        self._loop.call_soon(self._begin_next)
