"""A server that was taken over: it writes to the pipe to its supervisor what it should not."""

import contextlib
import os
import pickle
import stat
from collections.abc import Iterator
from pathlib import Path

from otpy import GenServer, call, cast
from otpy.runtime.control_channel import WORKER
from otpy.wire.control import Address, GetSockets, NodeRequest, Publish, RegisterName
from otpy.wire.frames import frame


class Evil:
    """Makes a folder where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


class Rogue(GenServer):
    @call
    def ping(self) -> str:
        return "pong"

    @cast
    def send_pickle(self, path: str) -> None:
        _send(pickle.dumps((0, Evil(path))))

    @cast
    def send_events(self) -> None:
        _send(pickle.dumps((0, Publish(()))))

    @cast
    def send_garbage(self, body: bytes) -> None:
        _send(body)

    @cast
    def register_as(self, path: str, incarnation: int, name: str) -> None:
        _send(WORKER.encode(NodeRequest(1, Address(path, incarnation), RegisterName(name))))

    @cast
    def take_socket(self, path: str, incarnation: int, name: str) -> None:
        _send(WORKER.encode(NodeRequest(1, Address(path, incarnation), GetSockets((name,)))))

    @cast
    def announce(self, size: int) -> None:
        _write(size.to_bytes(4, "big"))


def _send(body: bytes) -> None:
    _write(frame(body))


def _write(data: bytes) -> None:
    for fd in _sockets():
        with contextlib.suppress(OSError):  # it is not connected
            os.write(fd, data)


def _sockets() -> Iterator[int]:
    for entry in Path("/proc/self/fd").iterdir():
        fd = int(entry.name)
        try:
            if fd > 2 and stat.S_ISSOCK(os.fstat(fd).st_mode):
                yield fd
        except OSError:
            continue  # the one that lists them
