"""Read the output of children: keep the last for the post-mortem, write all with their paths."""

import contextlib
import os
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from otpy.runtime.stdout import NodeStdout
from otpy.system.descriptor import Descriptor
from otpy.system.loop import READABLE, Loop
from otpy.wire.inband import MARK
from otpy.wire.inband_reader import InbandReader
from otpy.wire.log_lines import output_prefix, record_text
from otpy.wire.log_record import LogRecord
from otpy.wire.safe_text import is_plain, output_line

_READ_BYTES: Final = 1 << 16
_TAIL_BYTES: Final = 8192
_TAIL_LINES: Final = 20
_LAST_READS: Final = 64
"""Of each stream, once the child has ended."""


class ChildOutput:
    """One child's stdout and stderr, line by line.

    Args:
        ends: Of the pipes: stdout, stderr. They are closed by `finish`.
        path: Of the child.
        stdout: Where the lines go.
        loop: The supervisor's.

    Raises:
        OSError: The kernel has no room to watch the pipes; they are still the caller's then.
    """

    def __init__(
        self, ends: Sequence[Descriptor], path: str, stdout: NodeStdout, loop: Loop
    ) -> None:
        self._ends, self._loop, self._stdout = ends, loop, stdout
        self._prefix = output_prefix(path)
        self._partial = [b""] * len(ends)
        self._inband = InbandReader(path, 0)
        self._tail = b""
        for number, end in enumerate(ends):
            os.set_blocking(end.fileno(), False)
            loop.watch(end, partial(self._ready, number), READABLE)

    def _ready(self, number: int, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            if not self._read(number):
                self._loop.unwatch(self._ends[number])

    def _read(self, number: int) -> bool:
        """Read once; return False at end-of-file.

        Raises:
            BlockingIOError: There is nothing to read now.
        """
        data = os.read(self._ends[number].fileno(), _READ_BYTES)
        if not data:
            return False
        data = self._partial[number] + data
        *lines, rest = data.split(b"\n")
        if len(rest) > _READ_BYTES:
            lines, rest = [*lines, rest], b""
        self._partial[number] = rest
        if MARK in data:
            lines = self._readable(lines)
        if lines:
            self._keep(b"\n".join([*lines, b""]))
            self._write(lines, plain=is_plain(data))
        return True

    def _readable(self, lines: list[bytes]) -> list[bytes]:
        """Return the lines in which records of `logging` are read by people."""
        now = time.time()
        return [text for line in lines for text in _lines_of(self._inband.read(line, now))]

    def _keep(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-_TAIL_BYTES:]

    def _write(self, lines: list[bytes], *, plain: bool) -> None:
        shown = lines if plain else [output_line(line) for line in lines]
        self._stdout.write(b"".join(self._prefix + line + b"\n" for line in shown))

    def finish(self) -> str:
        """Read what is left after the child's end, and close; return its last lines."""
        for number, end in enumerate(self._ends):
            # A grandchild may still write: read what is there, do not wait for end-of-file.
            with contextlib.suppress(BlockingIOError):
                for _ in range(_LAST_READS):
                    if not self._read(number):
                        break
            if rest := self._partial[number]:
                self._keep(rest)
                self._write([rest], plain=False)
            end.close()
        if torn := _lines_of(self._inband.finish(time.time())):
            self._write(torn, plain=False)
        return last_lines(self._tail)


def last_lines(tail: bytes) -> str:
    """Return the last lines of an output of which `tail` is the end."""
    lines = tail.split(b"\n")
    has_end = not lines[-1]  # else the last line is not finished, and is one of them
    return b"\n".join(lines[-_TAIL_LINES - has_end :]).decode(errors="replace")


def _lines_of(records: list[LogRecord]) -> list[bytes]:
    texts = [record_text(record).encode(errors="backslashreplace") for record in records]
    return [line for text in texts for line in text.split(b"\n")]
