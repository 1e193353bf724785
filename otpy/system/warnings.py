"""Warnings of a process of the node on stderr: whole lines, without ever waiting for a reader."""

import contextlib
import os
import select
import traceback
from collections.abc import Callable
from typing import Final

_STDERR: Final = 2
_MOST_BYTES: Final = 4096
"""A pipe that is ready takes as many at once (PIPE_BUF)."""

_said: Final[set[str]] = set()
_others: Final[list[tuple[int, Callable[[str], object]]]] = []


def also_warn(other: Callable[[str], object]) -> None:
    """Call `other` with each warning of this process, too, in place of the one before."""
    _others[:] = [(os.getpid(), other)]


def warn_others(text: str) -> None:
    """Call what `also_warn` was given, but not in a process that was forked since."""
    for pid, other in _others:
        if pid == os.getpid():
            other(text)


def warn(text: str) -> None:
    """Write a line to stderr, if that can be done now."""
    warn_others(text)
    line = f"otpy: {text}".encode(errors="backslashreplace")[: _MOST_BYTES - 1] + b"\n"
    with contextlib.suppress(OSError):
        ready = select.poll()
        ready.register(_STDERR, select.POLLOUT)
        if ready.poll(0):
            os.write(_STDERR, line)


def warn_once(topic: str, text: str) -> None:
    """Write a line, but only the first of a topic; see `calm`."""
    if topic not in _said:
        _said.add(topic)
        warn(text)


def warn_of_failure(error: Exception) -> None:
    """Write where the system refused what, once for each place: a process goes on without it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}:{last.lineno}"
    why = str(error) or type(error).__name__
    warn_once(f"{place} {why}", f"{why} (in {last.name}, {place}); going on without it")


def calm(topic: str) -> None:
    """Note that the cause of a warning is over: the next one is printed again."""
    _said.discard(topic)
