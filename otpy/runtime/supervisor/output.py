"""Read the output of children: keep the last for the post-mortem, write all with their paths."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Final, NamedTuple

from otpy.core.log import Log, LogFile, LogFormat, LogTo
from otpy.runtime.node_log import NodeLog, Source
from otpy.runtime.stdout import NodeStdout
from otpy.system.descriptor import Descriptor
from otpy.system.loop import READABLE, Loop
from otpy.system.warnings import warn_of_failure
from otpy.wire.inband import MARK
from otpy.wire.inband_reader import InbandReader
from otpy.wire.log_lines import output_prefix, record_text
from otpy.wire.log_message import Piece, Target, batches, pieces
from otpy.wire.log_record import LogRecord, Stream
from otpy.wire.safe_text import output_lines

_READ_BYTES: Final = 1 << 14
"""At a time: a child that floods keeps the supervisor from others for no longer."""
_REST: Final = 3.0
"""How many times as long as a full read took that stream is not read: so it has a quarter at most
of the supervisor's time."""
_TAIL_BYTES: Final = 8192
_TAIL_LINES: Final = 20
_AGAIN_S: Final = 1.0
_LAST_READS: Final = 256
"""Of each stream, once the child has ended."""
_STREAMS: Final[tuple[Stream, ...]] = ("out", "err")
_STDERR: Final = 1
_DEFAULT: Final = Target()


class Sinks(NamedTuple):
    """Where the output of a supervisor's children goes: what it is shown on, and the log."""

    loop: Loop
    stdout: NodeStdout
    log: NodeLog


class ChildOutput:
    """One child's stdout and stderr, line by line.

    They are read as fast as the logger takes them: what a child writes beyond that fills its own
    pipes, and makes no other child wait.

    Args:
        ends: Of the pipes: stdout, stderr. They are closed by `finish`.
        source: The child.
        target: Where its lines are logged; None discards them.
        sinks: Of its supervisor.

    Attributes:
        on_lines: Called with every whole line, as people read it, while anybody wants them.

    Raises:
        OSError: The kernel has no room to watch the pipes; they are still the caller's then.
    """

    def __init__(
        self, ends: Sequence[Descriptor], source: Source, target: Target | None, sinks: Sinks
    ) -> None:
        self._ends, self._source, self._target = ends, source, target
        self._loop, self._stdout, self._log = sinks
        self._partial = [b""] * len(ends)
        self._ended = [False] * len(ends)
        self._records: InbandReader | None = None
        self._tail = b""
        self._unsent: deque[bytes] = deque()
        self.on_lines: Callable[[Sequence[bytes]], None] | None = None
        for end in ends:
            os.set_blocking(end.fileno(), False)
        self._watch()

    def become(self, incarnation: int) -> None:
        """Note that the process, a spare until now, is the child; `incarnation` is its number."""
        self._source = Source(self._source.path, incarnation)
        self._records = None

    def log_to(self, target: Target | None) -> None:
        """Log the lines that are read from now on there."""
        self._target = target

    # ---- reading -----------------------------------------------------------------------------

    def _watch(self) -> None:
        for number, end in enumerate(self._ends):
            if not self._ended[number] and end.watcher is None:
                self._loop.watch(end, partial(self._ready, number), READABLE)

    def _ready(self, number: int, _events: int) -> None:
        began, size = time.monotonic(), -1
        with contextlib.suppress(BlockingIOError):
            size = self._read(number)
        if not size:
            self._ended[number] = True
            self._loop.unwatch(self._ends[number])
        if self._unsent:
            self._pause()
        elif size == _READ_BYTES:  # it most probably has more
            self._rest(number, _REST * (time.monotonic() - began))

    def _rest(self, number: int, seconds: float) -> None:
        """Read a stream no more for a while: others want something of the supervisor, too."""
        self._loop.unwatch(self._ends[number])
        self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        if not (self._unsent or self._ends[0].closed):
            self._watch_again()

    def _pause(self) -> None:
        """Read no more until what was read is with the logger."""
        for end in self._ends:
            self._loop.unwatch(end)
        self._log.when_room(self._resume)

    def _resume(self) -> None:
        while self._unsent and self._log.send(self._unsent[0]):
            self._unsent.popleft()
        if self._unsent:
            self._log.when_room(self._resume)
        elif not self._ends[0].closed:
            self._watch_again()

    def _watch_again(self) -> None:
        try:
            self._watch()
        except OSError as error:  # the kernel has no room now
            warn_of_failure(error)
            self._loop.call_later(_AGAIN_S, self._resume)

    def _read(self, number: int) -> int:
        """Read once; return how many bytes there were, 0 at end-of-file.

        Raises:
            BlockingIOError: There is nothing to read now.
        """
        data = os.read(self._ends[number].fileno(), _READ_BYTES)
        if not data:
            return 0
        found, self._partial[number] = pieces(self._partial[number] + data)
        now = time.time()
        for piece in found:
            if number == _STDERR and MARK in piece.lines and not piece.split:
                self._write_marked(piece.lines, now)
            else:
                self._write(number, piece, now)
        return len(data)

    # ---- writing -----------------------------------------------------------------------------

    def add(self, text: str) -> None:
        """Log lines about the child among those of its stderr; they are not its last lines."""
        self._log_piece(_STDERR, Piece(text.rstrip("\n").encode() + b"\n"), time.time())

    def _write(self, number: int, piece: Piece, now: float) -> None:
        self._keep(piece.lines)
        self._log_piece(number, piece, now)

    def _log_piece(self, number: int, piece: Piece, now: float) -> None:
        if self._target is None:
            return
        self._stdout.write(self._shown(piece, now))
        stream = _STREAMS[number]
        self._send(self._log.lines(self._target, self._source, now, stream, piece))

    def _write_marked(self, lines: bytes, now: float) -> None:
        """Write lines of stderr that may hand records of `logging` over."""
        if self._records is None:
            self._records = InbandReader(*self._source)
        for is_marked, some in groupby(lines[:-1].split(b"\n"), lambda line: MARK in line):
            if is_marked:
                self._write_records([r for line in some for r in self._records.read(line, now)])
            else:
                self._write(_STDERR, Piece(b"\n".join([*some, b""])), now)

    def _write_records(self, records: Sequence[LogRecord]) -> None:
        texts = [record_text(each).encode(errors="backslashreplace") + b"\n" for each in records]
        if texts:
            self._keep(b"".join(texts))
        if self._target is None:
            return
        shown = zip(records, texts, strict=True)
        self._stdout.write(b"".join([self._shown(Piece(t, r.split), r.time) for r, t in shown]))
        for batch in batches(records):
            self._send(self._log.records(self._target, batch))

    def _send(self, message: bytes) -> None:
        if self._unsent or not self._log.send(message):
            self._unsent.append(message)

    def _keep(self, lines: bytes) -> None:
        self._tail = (self._tail + lines)[-_TAIL_BYTES:]
        if self.on_lines is not None:
            self.on_lines(lines.splitlines())

    def _shown(self, piece: Piece, at: float) -> bytes:
        prefix = output_prefix(self._source.path, at, split=piece.split)
        lines = output_lines(piece.lines[:-1])
        # A child that floods may write thousands of lines at once: no loop over them.
        return prefix + lines.replace(b"\n", b"\n" + prefix) + b"\n"

    # ---- the end -----------------------------------------------------------------------------

    def finish(self) -> str:
        """Read what is left after the child's end, and close; return its last lines."""
        has_end = True
        for number, end in enumerate(self._ends):
            # A grandchild may still write: read what is there, do not wait for end-of-file.
            with contextlib.suppress(BlockingIOError):
                for _ in range(_LAST_READS):
                    if not self._read(number):
                        break
            if rest := self._partial[number]:
                self._write(number, Piece(rest + b"\n"), time.time())
                has_end = False
            end.close()
        if self._records is not None:
            self._write_records(self._records.finish(time.time()))
        # As soon as one has room, the log calls `_resume`: it must not find them here.
        unsent, self._unsent = self._unsent, deque()
        for message in unsent:
            self._log.queue(message)
        return last_lines(self._tail if has_end else self._tail[:-1])


def target_of(log: Log | None) -> Target | None:
    """Return where the lines of a child go; None for nowhere."""
    match log:
        case None:
            return _DEFAULT
        case LogTo():
            return None
        case LogFile(file=file, format=form, max_size=max_size, keep=keep):
            return Target(
                file or "",
                form is LogFormat.JSON,
                _DEFAULT.max_size if max_size is None else max_size,
                _DEFAULT.keep if keep is None else keep,
            )


def last_lines(tail: bytes) -> str:
    """Return the last lines of an output of which `tail` is the end."""
    lines = tail.split(b"\n")
    has_end = not lines[-1]  # else the last line is not finished, and is one of them
    return b"\n".join(lines[-_TAIL_LINES - has_end :]).decode(errors="replace")
