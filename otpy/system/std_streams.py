"""The three standard streams, which a program may be started without: ``otpy run FILE >&-``."""

import contextlib
import os
import select
import sys
from typing import Final

_STDOUT: Final = 1
_STDERR: Final = 2
_FULL_MS: Final = 10_000
"""Seconds to wait for a reader of stderr, if it is a pipe that does not block."""


def open_standard_streams() -> None:
    """Open descriptors 0 to 2 if closed, so that nothing else gets one of these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(fd, True)
    os.close(fd)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # a descriptor has no path
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115  # nor has this one


def flush_std_streams() -> None:
    """Write what stdout and stderr have in their buffers; never raises."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def complain(text: str) -> None:
    """Write to stderr, behind what this process has printed so far; never raises.

    To the descriptor, since ``sys.stderr`` is the user's: it may be None by now, closed, ASCII, or
    raise.
    """
    if not text:
        return
    flush_std_streams()
    data = text.encode(errors="backslashreplace")
    try:
        _write(_STDERR, data)
    except OSError:  # it was closed, as daemons do
        with contextlib.suppress(OSError):
            _write(_STDOUT, data)


def _write(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            room = select.poll()
            room.register(fd, select.POLLOUT)
            if not room.poll(_FULL_MS):
                return
