"""Clients that speak otpy's protocols badly, or not at all."""

import os
import select
import socket
import time
from typing import Any, Self

import msgspec

from otpy.system.fdpass import recv_fds
from otpy.wire.codec import pack, unpack
from otpy.wire.frames import FrameDecoder, frame
from tests.support.node import NodeUnderTest
from tests.support.processes import DEADLINE_S


class RawClient:
    """A connection to a node's control socket, byte by byte."""

    def __init__(self, node: NodeUnderTest) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(str(node.folder / "control.sock"))
        self._decoder = FrameDecoder()
        self._answers: list[Any] = []
        self._fds: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def send(self, data: bytes) -> None:
        """Send bytes as they are; what the other end does not want is no error here."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def hello(self) -> Any:
        return self.ask("hello", {}, number=1)

    def ask(self, operation: str, arguments: object, number: int = 2) -> Any:
        """Send a request and return the answer, without its number."""
        self.send(frame(pack([number, operation, arguments])))
        answer = self.answer()
        assert answer is not None, f"closed instead of answering {operation}"
        assert answer[0] == number, f"{answer} is no answer to request {number}"
        return answer[1:]

    def answer(self) -> Any:
        """Wait for the next message; None once the other end has closed."""
        while not self._answers:
            try:
                data, fds = recv_fds(self.socket, 1 << 16)
            except ConnectionResetError:
                return None
            self._fds += [fd.detach() for fd in fds]
            if not data:
                return None
            self._answers += [unpack(body) for body in self._decoder.feed(data)]
        return self._answers.pop(0)

    def await_close(self) -> list[Any]:
        """Return what is still answered until the other end closes."""
        answers = []
        while (answer := self.answer()) is not None:
            answers.append(answer)
        return answers

    def link(self, name: str, **more: object) -> "RawLink":
        """Open a link to a worker."""
        self.hello()
        status, value = self.ask("connect", {"name": name, "timeout": DEADLINE_S, **more})
        assert status == 0, value
        fds, self._fds = self._fds, []
        read, write, pidfd = fds
        for end in (read, write):
            os.set_blocking(end, True)
        return RawLink(read, write, pidfd)


class RawLink:
    """A link to a worker, byte by byte."""

    def __init__(self, read: int, write: int, pidfd: int) -> None:
        self.read, self.write, self.pidfd = read, write, pidfd
        self._decoder = FrameDecoder()
        self._messages: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for fd in (self.read, self.write, self.pidfd):
            os.close(fd)

    def send(self, data: bytes) -> bool:
        """Send bytes as they are; return whether the other end was there for all of them."""
        try:
            while data:
                data = data[os.write(self.write, data) :]
        except BrokenPipeError:
            return False
        return True

    def say(self, message: object) -> bool:
        return self.send(frame(msgspec.msgpack.encode(message)))

    def fill(self, data: bytes) -> int:
        """Send the same bytes again and again until the pipe has been full for a while."""
        os.set_blocking(self.write, False)
        sent = 0
        rest = memoryview(data)
        poll = select.poll()
        poll.register(self.write, select.POLLOUT)
        while poll.poll(300):
            try:
                written = os.write(self.write, rest)
            except BlockingIOError:
                continue
            sent += written
            rest = rest[written:] or memoryview(data)
        return sent

    def message(self) -> Any:
        """Wait for the next message; None at the end of file."""
        until = time.monotonic() + DEADLINE_S
        while not self._messages:
            poll = select.poll()
            poll.register(self.read, select.POLLIN)
            assert poll.poll(max(0, until - time.monotonic()) * 1000), "the worker says nothing"
            data = os.read(self.read, 1 << 16)
            if not data:
                return None
            self._messages += [unpack(body) for body in self._decoder.feed(data)]
        return self._messages.pop(0)
