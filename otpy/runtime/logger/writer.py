"""Writes messages into files: each line once, wherever the logger is killed.

Before lines are appended, the journal says to which file, and where; only when they are there the
message is taken from the socket. A logger that begins finds the message of the one before still
there, looks how much of it is written, and goes on behind that.
"""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from otpy.runtime.logger.files import LogFiles
from otpy.runtime.logger.journal import Journal
from otpy.runtime.logger.rendering import mention, rendered
from otpy.system.descriptor import Descriptor
from otpy.wire.log_files import rotated
from otpy.wire.log_message import LogMessage

_SAY_EVERY_S: Final = 60.0


class LogWriter:
    """Appends the lines of messages to files; what has no room on a disk is dropped and counted.

    Args:
        files: The files.
        journal: As the logger before has left it.
        warn: Called with what cannot be written, and why; for one reason once a minute.
    """

    def __init__(self, files: LogFiles, journal: Journal, warn: Callable[[str], object]) -> None:
        self._files, self._journal, self._warn = files, journal, warn
        self._state = journal.load()
        self._may_be_begun = True
        self._said: dict[str, float] = {}

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    def write(self, message: LogMessage) -> None:
        """Append the lines of a message, but for those that are written already."""
        lines = rendered(message)
        state = self._state
        is_begun = self._may_be_begun and state.number == message.number
        self._may_be_begun = False
        if is_begun:
            self._go_on(message, lines)
        else:
            state.number, state.done, state.count = message.number, 0, 0
        while state.done < len(lines):
            self._append_some(message, lines)

    # ---- what was begun ----------------------------------------------------------------------

    def _go_on(self, message: LogMessage, lines: Sequence[bytes]) -> None:
        """Finish what the logger before was writing when it was killed."""
        state = self._state
        if not state.count:
            return
        for path in reversed(rotated(Path(state.file))):
            if _inode(path) == state.inode:
                with Descriptor(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)) as file:
                    self._finish(file.fileno(), message, lines)
                return

    def _finish(self, fd: int, message: LogMessage, lines: Sequence[bytes]) -> None:
        state = self._state
        pieces = self._pieces(message, lines)
        data = b"".join(pieces)
        written = os.pread(fd, len(data), state.offset)
        if data.startswith(written):  # else another one has written there
            self._put(fd, pieces, len(written), lines)

    # ---- appending ---------------------------------------------------------------------------

    def _append_some(self, message: LogMessage, lines: Sequence[bytes]) -> None:
        """Append as many lines as have room in the file."""
        state, target = self._state, message.target
        name = self._files.name_of(message.path, target)
        left = lines[state.done :]
        state.file = name
        try:
            file = self._files.with_room(name, len(left[0]), target)
            state.offset, state.inode = file.size, file.inode
        except OSError as error:
            self._drop(len(left), error)
            return
        state.count = _fitting(left, self._files.max_size(name, target) - state.offset)
        pieces = self._pieces(message, lines)
        self._journal.store(state)
        self._put(file.fileno(), pieces, 0, lines)

    def _pieces(self, message: LogMessage, lines: Sequence[bytes]) -> list[bytes]:
        """Return what is being written: before the lines, perhaps, how many were dropped."""
        state = self._state
        now = list(lines[state.done : state.done + state.count])
        dropped = state.dropped.get(state.file)
        return [mention(message, dropped), *now] if dropped else now

    def _put(self, fd: int, pieces: list[bytes], written: int, lines: Sequence[bytes]) -> None:
        """Write pieces, of which so many bytes are written; note what became of them."""
        state = self._state
        data = memoryview(b"".join(pieces))
        failure: OSError | None = None
        try:
            while written < len(data):
                written += os.write(fd, data[written:])
        except OSError as error:
            failure = error
        whole = len(pieces)
        if failure is not None:
            whole, written = _whole(pieces, written)
            _cut(fd, state.offset + written)
        mentioned = len(pieces) - state.count
        if whole and mentioned:
            del state.dropped[state.file]
        state.done += max(0, whole - mentioned)
        state.count = 0
        self._files.grew(state.file, written)
        if failure is not None:
            self._drop(len(lines) - state.done, failure)
        elif mentioned or state.done < len(lines):
            self._journal.store(state)

    def _drop(self, count: int, error: OSError) -> None:
        state = self._state
        state.dropped[state.file] = state.dropped.get(state.file, 0) + count
        state.done, state.count = state.done + count, 0
        self._journal.store(state)
        self._say(error)

    def _say(self, error: OSError) -> None:
        why, now = error.strerror or str(error), time.monotonic()
        if now - self._said.get(why, -_SAY_EVERY_S) >= _SAY_EVERY_S:
            self._said[why] = now
            total = sum(self._state.dropped.values())
            self._warn(f"cannot write {self._state.file}: {why}; {total} lines dropped so far")


def _inode(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _fitting(lines: Sequence[bytes], room: int) -> int:
    """Return how many lines have room; one at least."""
    count = 0
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        count += 1
    return max(1, count)


def _whole(pieces: Sequence[bytes], written: int) -> tuple[int, int]:
    """Return how many pieces are in the first `written` bytes, and their size."""
    size = 0
    for number, piece in enumerate(pieces):
        if size + len(piece) > written:
            return number, size
        size += len(piece)
    return len(pieces), size


def _cut(fd: int, size: int) -> None:
    """Take the half of a line away; another node may have written behind it."""
    with contextlib.suppress(OSError):
        os.ftruncate(fd, size)
