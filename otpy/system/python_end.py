"""End a process as Python does, without waiting for its threads.

A worker ends by ``os._exit``: a forgotten thread must not hold it. What Python would have done is
done before: the callbacks of `atexit` (of `logging`, `weakref.finalize` and `tempfile` among them),
the finalizers of `multiprocessing`, and what files have in their buffers.
"""

import _signal  # type: ignore[import-not-found]
import atexit
import contextlib
import gc
import io
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

_ALARM: Final = int(_signal.SIGALRM)
_DEFAULT: Final = int(_signal.SIG_DFL)

CUT_SHORT: Final = "SIGALRM"
"""The signal that ends a process whose end takes longer than it may."""


def finish(*, asked: bool) -> None:
    """Do what Python does at its end, each step whether or not others fail.

    Args:
        asked: Its supervisor has asked this process to end: the processes that `multiprocessing`
            started may finish then, as Python lets them, within its budget.
    """
    if not asked and (util := _multiprocessing()) is not None:
        atexit.unregister(util._exit_function)  # noqa: SLF001
    # The garbage collector would close files in any order: what is in them is written before. What
    # it finalizes may write into others.
    steps = (atexit._run_exitfuncs, run_finalizers, flush_files, gc.collect, flush_files)  # noqa: SLF001
    for step in steps:
        with contextlib.suppress(BaseException):
            step()


def run_finalizers() -> None:
    """Run the finalizers of `multiprocessing` that have not run yet."""
    if (util := _multiprocessing()) is not None:
        util._run_finalizers()  # noqa: SLF001


def _multiprocessing() -> Any:
    """Return its module of finalizers; None if it is not imported, and so has none.

    To import it here would import `threading`, before workers are forked (`otpy.system.locks`).
    """
    return sys.modules.get("multiprocessing.util")


def end_within(seconds: float) -> None:
    """Ask the kernel to end this process after so many seconds, whatever it does then."""
    _signal.signal(_ALARM, _DEFAULT)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_ALARM,))
    # Zero would mean never.
    _signal.setitimer(_signal.ITIMER_REAL, max(seconds, 0.001))


def flush_files() -> None:
    """Write what the open files of this process have in their buffers.

    Text first, then what compresses it, then the bytes: what one writes, the next has to write on.
    """
    files = [each for each in gc.get_objects() if issubclass(type(each), io.IOBase)]
    _each(file.flush for file in files if issubclass(type(file), io.TextIOBase))
    _each(file.close for file in files if _is_filter(type(file)))
    _each(file.flush for file in files if issubclass(type(file), _BUFFERED))


_BUFFERED: Final = (io.BufferedWriter, io.BufferedRandom, io.BufferedRWPair)
_BYTES: Final = (*_BUFFERED, io.BufferedReader, io.BytesIO)


def _is_filter(kind: type[Any]) -> bool:
    """Return whether these are files over files, such as gzip's, which have an end of their own."""
    return issubclass(kind, io.BufferedIOBase) and not issubclass(kind, _BYTES)


def _each(steps: Iterable[Callable[[], object]]) -> None:
    for step in steps:
        with contextlib.suppress(BaseException):
            step()
