"""``otpy top`` in a pseudo-terminal, and where it has no keys."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.processes import DEADLINE_S

COMMAND = [sys.executable, "-m", "otpy", "top", "--interval", "0.2"]


class PseudoTerminal:
    """A command in a pseudo-terminal of 100 columns and 30 lines."""

    def __init__(self, process: "subprocess.Popen[bytes]", end: int) -> None:
        self.process, self._end = process, end
        self.written = b""

    def until(self, pattern: bytes) -> None:
        """Wait until it has written that."""
        deadline = time.monotonic() + DEADLINE_S
        while not re.search(pattern, self.written):
            assert time.monotonic() < deadline, self.written[-3000:]
            assert self.read(), self.written[-3000:]

    def read(self) -> bytes:
        """Read more; nothing at its end."""
        readable, _, _ = select.select([self._end], [], [], DEADLINE_S)
        assert readable, self.written[-3000:]
        try:
            data = os.read(self._end, 1 << 16)
        except OSError:  # EIO: nobody has the other end any more
            return b""
        self.written += data
        return data

    def press(self, keys: bytes) -> None:
        os.write(self._end, keys)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def status(self) -> int:
        """Return its exit status."""
        while self.read():
            pass
        return self.process.wait(DEADLINE_S)


@contextmanager
def top_in_terminal(**variables: str) -> Iterator[PseudoTerminal]:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "", **variables}
    with subprocess.Popen(
        COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        terminal = PseudoTerminal(process, ours)
        terminal.resize(100, 30)
        try:
            yield terminal
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.usefixtures("watched")
def test_with_keys() -> None:
    with top_in_terminal() as terminal:
        terminal.until(rb"victim")
        terminal.press(b"?")
        terminal.until(rb"asks first")
        terminal.written = b""
        terminal.press(b"q")
        terminal.until(rb"victim")
        terminal.resize(60, 20)
        terminal.press(b"/vic")
        terminal.until(rb"only 'vic'")
        terminal.written = b""
        terminal.press(b"\x1b")
        terminal.until(rb"11 processes  [^o]")
        terminal.press(b"q")
        assert terminal.status() == 0
        assert b"Traceback" not in terminal.written


def is_gray(color: int) -> bool:
    """Return whether one of the 256 colors has no hue: of the cube of 6 * 6 * 6, or behind it."""
    red, rest = divmod(color - 16, 36)
    return color >= 232 or (color >= 16 and (red, red) == divmod(rest, 6))


@pytest.mark.usefixtures("watched")
def test_without_colors() -> None:
    with top_in_terminal(NO_COLOR="1") as terminal:
        terminal.until(rb"victim")
        terminal.press(b"\x03")
        assert terminal.status() == 0
        colors = {int(found) for found in re.findall(rb"[34]8;5;(\d+)", terminal.written)}
        assert colors
        assert [color for color in colors if not is_gray(color)] == []


@pytest.mark.usefixtures("watched")
def test_where_there_are_no_keys() -> None:
    with top_in_terminal(TERM="dumb") as terminal:
        terminal.until(rb"NAME +STATE")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.status() == 0
