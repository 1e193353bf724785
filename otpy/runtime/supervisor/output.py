"""Read the output of children: keep the last for the post-mortem, write all with their paths."""

import contextlib
import os
from typing import Final

from otpy.runtime.stdout import NodeStdout
from otpy.system.descriptor import Descriptor
from otpy.system.loop import READABLE, Loop
from otpy.wire.log_lines import output_prefix
from otpy.wire.safe_text import is_plain, output_line

_READ_BYTES: Final = 1 << 16
_TAIL_BYTES: Final = 4096


class ChildOutput:
    """One child's stdout and stderr, line by line."""

    def __init__(self, end: Descriptor, name: str, stdout: NodeStdout, loop: Loop) -> None:
        self._end, self._loop, self._stdout = end, loop, stdout
        self._prefix = output_prefix(name)
        self._partial = b""
        self._tail = b""
        os.set_blocking(end.fileno(), False)
        loop.watch(end, self._ready, READABLE)

    def _ready(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            if not self._read():
                self._loop.unwatch(self._end)

    def _read(self) -> bool:
        """Read once; return False at end-of-file.

        Raises:
            BlockingIOError: There is nothing to read now.
        """
        data = os.read(self._end.fileno(), _READ_BYTES)
        if not data:
            return False
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        data = self._partial + data
        *lines, self._partial = data.split(b"\n")
        if len(self._partial) > _READ_BYTES:
            lines, self._partial = [*lines, self._partial], b""
        if lines:
            self._show(lines if is_plain(data) else [output_line(line) for line in lines])
        return True

    def _show(self, lines: list[bytes]) -> None:
        self._stdout.write(b"".join(self._prefix + line + b"\n" for line in lines))

    def finish(self) -> str:
        """Read what is left after the child's end, and close; return its last lines."""
        # A grandchild may still write: read what is there, do not wait for end-of-file.
        with contextlib.suppress(BlockingIOError):
            for _ in range(64):
                if not self._read():
                    break
        if self._partial:
            self._show([output_line(self._partial)])
        self._end.close()
        return self._tail.decode(errors="replace")
