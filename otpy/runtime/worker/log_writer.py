"""Write records of `logging` to the pipe that a worker's supervisor reads."""

import os
import select
import time
from typing import Final

import msgspec

from otpy.wire.inband import Inband, lines_of

_STDERR: Final = 2


def write_record(record: Inband) -> None:
    """Write a record, of now if it has no time; wait until the pipe has room.

    Raises:
        OSError: Stderr is closed, or nothing reads it.
    """
    if record.time is None:
        record = msgspec.structs.replace(record, time=time.time())
    for line in lines_of(record):
        _write(line)


def _write(line: bytes) -> None:
    """Write a line to the pipe, which takes all of it or nothing."""
    while True:
        try:
            os.write(_STDERR, line)
        except BlockingIOError:  # the user's code has made it non-blocking
            room = select.poll()
            room.register(_STDERR, select.POLLOUT)
            room.poll()
        else:
            return
