"""Run a program with an event on its stdin, for a limited time."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Final

from otpy.system.descriptor import Descriptor, pipe
from otpy.wire.safe_text import one_line

_READ_BYTES: Final = 1 << 16
_TAIL_BYTES: Final = 4096
_SHOWN_CHARS: Final = 200


def run_program(argv: Sequence[str], stdin: bytes, timeout: float) -> str:
    """Run a program, and wait for its end; return what is wrong, or "".

    Its group is killed when the time is over. What it prints is read, so that it never waits for
    that; the last line stands in what is wrong.

    Args:
        argv: The program and its arguments.
        stdin: What it reads. The descriptor is a file: a program that does not read it is not
            waited for.
        timeout: Seconds.
    """
    output, theirs = pipe()
    with output:
        with theirs, Descriptor(os.memfd_create("otpy-event")) as given:
            os.write(given.fileno(), stdin)
            os.lseek(given.fileno(), 0, os.SEEK_SET)
            try:
                process = subprocess.Popen(  # noqa: S603 - the tree says which
                    argv,
                    stdin=given.fileno(),
                    stdout=theirs.fileno(),
                    stderr=theirs.fileno(),
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                return f"cannot be executed: {getattr(error, 'strerror', None) or error}"
        with process:
            return _outcome(process, output, timeout)


def _outcome(process: "subprocess.Popen[bytes]", output: Descriptor, timeout: float) -> str:
    with Descriptor(os.pidfd_open(process.pid)) as pidfd:
        tail, ended = _read_until_end(pidfd, output, time.monotonic() + timeout)
    if not ended:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"did not end within {timeout:g} s, and was killed"
    status = process.wait()
    if status == 0:
        return ""
    how = f"exit status {status}" if status > 0 else f"killed by signal {-status}"
    return f"{how}{_last_line(tail)}"


def _read_until_end(pidfd: Descriptor, output: Descriptor, until: float) -> tuple[bytes, bool]:
    """Read what it prints until it ends; return the last of that, and whether it did end."""
    poll = select.poll()
    poll.register(pidfd.fileno(), select.POLLIN)
    poll.register(output.fileno(), select.POLLIN)
    tail = b""
    while (left := until - time.monotonic()) > 0:
        ready = {fd for fd, _ in poll.poll(left * 1000)}
        if output.fileno() in ready:
            data = os.read(output.fileno(), _READ_BYTES)
            tail = (tail + data)[-_TAIL_BYTES:]
            if not data:
                poll.unregister(output.fileno())
        elif pidfd.fileno() in ready:
            return tail, True
    return tail, False


def _last_line(tail: bytes) -> str:
    lines = tail.decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f": {one_line(last)[:_SHOWN_CHARS]}" if last else ""
