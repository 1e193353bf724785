"""Live traces of a worker's messages, one pipe for each reader; a slow reader misses some."""

import os
import time
from typing import Any, Final

import msgspec

from otpy.runtime.worker.connections import Cast, LinkCall
from otpy.system.descriptor import Descriptor
from otpy.wire import link as wire_link
from otpy.wire.frames import frame
from otpy.wire.safe_repr import short
from otpy.wire.sys_messages import TraceEvent

_TEXT_BYTES: Final = 3000
"""With the rest of an event less than PIPE_BUF: it is written whole or not at all."""

_encode: Final = msgspec.msgpack.Encoder().encode


class Tracing:
    """Writes down what a worker receives and answers."""

    def __init__(self) -> None:
        self._ends: dict[int, Descriptor] = {}
        self._dropped: dict[int, int] = {}

    def add(self, end: Descriptor) -> None:
        """Trace into a pipe, which is handed over, from now on."""
        fd = end.fileno()
        os.set_blocking(fd, False)
        self._ends[fd], self._dropped[fd] = end, 0

    def __contains__(self, fd: int) -> bool:
        return fd in self._dropped

    def __bool__(self) -> bool:
        return bool(self._dropped)

    def remove(self, fd: int) -> None:
        """Close a pipe that is no longer read."""
        del self._dropped[fd]
        self._ends.pop(fd).close()

    def close(self) -> None:
        """End all traces."""
        for fd in tuple(self._dropped):
            self.remove(fd)

    def received(self, message: object) -> None:
        """A message is about to be handled."""
        match message:
            case LinkCall(request=request):
                self._write("call", f"{message.link.id}.{message.number}", request)
            case Cast(request=request):
                self._write("cast", "", request)
            case _:
                self._write("info", "", getattr(message, "message", message))

    def sent(self, link: int, message: tuple[Any, ...]) -> None:
        """Something was sent on a link."""
        match message:
            case (wire_link.REPLY, number, value):
                self._write("reply", f"{link}.{number}", value)
            case (wire_link.ERROR, number, name, arguments):
                self._write("error", f"{link}.{number}", (name, *arguments))
            case _:
                pass

    def _write(self, kind: str, call: str, value: object) -> None:
        text = short(value).encode()[:_TEXT_BYTES].decode(errors="ignore")
        at = time.time()
        for fd, dropped in self._dropped.items():
            try:
                os.write(fd, frame(_encode(TraceEvent(at, kind, call, text, dropped))))
                self._dropped[fd] = 0
            except BlockingIOError:
                self._dropped[fd] = dropped + 1
            except OSError:
                pass  # its reader is gone: the mailbox will be told
