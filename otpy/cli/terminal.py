"""A node in a terminal of its own, as the demo sees it: its lines, and all its processes."""

import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from otpy.cli.errors import Failed
from otpy.system.prctl import die_with

PATIENCE_S: Final = 20.0
"""Seconds that the demo waits for what should take milliseconds."""

Say = Callable[[str], None]


class Terminal:
    """``otpy run FILE`` in a process of its own.

    Args:
        process: That process, its stdout and stderr in one pipe.
        say: Where to show what it prints.
    """

    def __init__(self, process: subprocess.Popen[bytes], say: Say) -> None:
        assert process.stdout is not None
        self._process, self._say = process, say
        self._output = process.stdout.fileno()
        self._lines: deque[str] = deque()
        self._rest = b""
        self.node = psutil.Process(process.pid)
        self.processes = {self.node}

    def show_until(self, text: str) -> None:
        """Show the lines that it prints, up to the first one with `text` in it.

        Raises:
            Failed: It ended, or did not print any such line.
        """
        deadline = time.monotonic() + PATIENCE_S
        line = ""
        while text not in line:
            if self._lines:
                line = self._lines.popleft()
                self._say(f"   │ {line}")
            elif not self._readable(deadline):
                raise Failed(f"`otpy run` did not say {text!r} in {PATIENCE_S:g} s")
            elif not self._read():
                status = self.wait()
                raise Failed(f"`otpy run` ended with status {status} before it said {text!r}")

    def _readable(self, deadline: float) -> bool:
        output = select.poll()
        output.register(self._output, select.POLLIN)
        return bool(output.poll(max(deadline - time.monotonic(), 0) * 1000))

    def _read(self) -> bool:
        """Note what it has printed; return whether there may be more."""
        data = os.read(self._output, 1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines.extend(line.decode(errors="replace") for line in lines)
        return bool(data)

    def note_descendants(self) -> None:
        """Remember every process that the node has just now."""
        with suppress(psutil.NoSuchProcess):  # it has ended, and with it all the others
            self.processes.update(self.node.children(recursive=True))

    def gateway(self) -> psutil.Process:
        """Find the gateway by its title, as ``ps`` shows it."""
        children = self.node.children()
        (found,) = (child for child in children if child.cmdline()[0].endswith("gateway"))
        return found

    def wait(self) -> int:
        """Wait until it has ended; return its exit status.

        Raises:
            Failed: It does not end.
        """
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"`otpy run` did not end in {PATIENCE_S:g} s") from None

    def survivors(self) -> list[psutil.Process]:
        """Return which of the remembered processes are still there."""
        return [process for process in self.processes if process.is_running()]


@contextmanager
def terminal(file: Path, folder: Path, say: Say) -> Iterator[Terminal]:
    """Run the tree in `file` from the folder `folder`; stop it at the end."""
    # Should we be killed, the node is too, and its tree then stops by itself. The command is our
    # own interpreter's, and no thread runs that could hold a lock at the fork.
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "otpy", "run", str(file.absolute())],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a Ctrl-C is for us, and we stop the node in order
        preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509
    )
    with process:
        try:
            yield Terminal(process, say)
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
