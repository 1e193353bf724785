"""The process that writes the output of all others of its node to the real stdout and stderr.

It ignores the signals that a terminal or systemd sends to all processes at once, since the others
have something to say while they stop; it ends when the last of them has ended.
"""

import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from otpy.system.descriptor import Descriptor
from otpy.system.proctitle import name_process
from otpy.system.spawn import close_all_but
from otpy.wire.safe_text import is_plain, output_line

_STDERR: Final = 2
_LARGEST_MESSAGE: Final = 1 << 20
_AT_ONCE: Final = select.PIPE_BUF
"""A pipe that is ready for poll(2) has room for so many bytes (pipe(7))."""
_PATIENCE_MS: Final = 1000

_IGNORED: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGTTOU,
    signal.SIGPIPE,
    signal.SIGXFSZ,
)


@dataclass(slots=True)
class Stream:
    """Stdout or stderr.

    Attributes:
        number: Its descriptor in every process of the node, which is a socket.
        real: The descriptor of what it was.
        reader: Receives what is written to that socket.
        dropped: Lines that could not be written and were not mentioned yet.
        torn: The last write ended in the middle of a line.
    """

    number: int
    real: Descriptor
    reader: socket.socket
    dropped: int = field(default=0, init=False)
    torn: bool = field(default=False, init=False)


def write_streams(node: str, streams: Sequence[Stream]) -> NoReturn:
    """Run the process, just forked from the node: write until no writer is left."""
    status = 1
    try:
        _shed(streams)
        name_process(f"otpy: stdio {node}")
        _serve(streams)
        status = 0
    except BaseException:  # noqa: BLE001  # it ends, whatever it is; the reason is told first
        os.write(
            streams[-1].real.fileno(), traceback.format_exc().encode(errors="backslashreplace")
        )
    finally:
        os._exit(status)


def _shed(streams: Sequence[Stream]) -> None:
    """Close what the fork copied: above all the writing ends, or there is no end-of-file."""
    signal.set_wakeup_fd(-1)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    close_all_but(
        [fd for stream in streams for fd in (stream.real.fileno(), stream.reader.fileno())]
    )
    sys.stdout = sys.stderr = None


def _serve(streams: Sequence[Stream]) -> None:
    ready = select.poll()
    by_fd = {stream.reader.fileno(): stream for stream in streams}
    for fd in by_fd:
        ready.register(fd, select.POLLIN)
    while by_fd:
        for fd, _ in ready.poll():
            stream = by_fd[fd]
            data = stream.reader.recv(_LARGEST_MESSAGE)
            if data:
                write_message(stream, _safe(stream, data))
            else:
                ready.unregister(fd)
                del by_fd[fd]


def _safe(stream: Stream, data: bytes) -> bytes:
    """Escape what a traceback may hold; what goes to stdout is safe already."""
    if stream.number == _STDERR and not is_plain(data):
        return b"\n".join(map(output_line, data.split(b"\n")))
    return data


def write_message(stream: Stream, lines: bytes) -> None:
    """Write whole lines; drop what a full disk or a reader that has gone does not take."""
    mention = _mention(stream)
    data, written = mention + lines, 0
    try:
        while written < len(data):
            _wait_for_room(stream)
            written += os.write(stream.real.fileno(), data[written : written + _AT_ONCE])
    except OSError:
        # A disk may have room later, and a terminal come back: each message is a new try.
        stream.dropped += lines.count(b"\n", max(written - len(mention), 0))
    if written:
        stream.torn = data[written - 1 : written] != b"\n"
    if written == len(data):
        stream.dropped = 0


def _mention(stream: Stream) -> bytes:
    """Return a line that reports the number of lines dropped so far."""
    if not stream.dropped:
        return b""
    text = b"otpy: %d lines dropped: they could not be written\n" % stream.dropped
    return b"\n" * stream.torn + text


def _wait_for_room(stream: Stream) -> None:
    """Wait until the real stream takes something.

    Raises:
        TimeoutError: All other processes have ended, and it took nothing for a second after that.
    """
    room = select.poll()
    room.register(stream.real, select.POLLOUT)
    room.register(stream.reader, 0)  # reports POLLHUP alone
    while True:
        events = dict(room.poll())
        if stream.real.fileno() in events:
            return
        room.unregister(stream.reader)
        if not room.poll(_PATIENCE_MS):
            raise TimeoutError
