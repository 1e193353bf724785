"""A worker that does as it is told, run as a script: ``fake_worker.py CONTROL INCARNATION``.

The control socket brings links, as descriptors beside a byte.
"""

import contextlib
import os
import select
import signal
import socket
import sys
from typing import Any

from otpy.system.fdpass import recv_fds
from otpy.wire import link
from otpy.wire.codec import pack, unpack
from otpy.wire.frames import MAX_FRAME, FrameDecoder, frame


class Link:
    def __init__(self, reader: int, writer: int) -> None:
        self.reader, self.writer = reader, writer
        self.frames = FrameDecoder()

    def send(self, *message: object) -> None:
        data = memoryview(frame(pack(message)))
        with contextlib.suppress(BrokenPipeError):  # the client has left
            while data:
                data = data[os.write(self.writer, data) :]


class Worker:
    def __init__(self, control: socket.socket, incarnation: int, manner: str) -> None:
        self.control, self.incarnation, self.manner = control, incarnation, manner
        self.links: dict[int, Link] = {}
        self.count = 0
        self.appended: list[int] = []
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.kept: list[tuple[Link, int]] = []

    def run(self) -> None:
        while True:
            for fd, _ in self.poll.poll():
                if fd == self.control.fileno():
                    self.hear()
                elif fd in self.links:
                    self.read(self.links[fd])

    def hear(self) -> None:
        data, fds = recv_fds(self.control, 1)
        if not data:
            sys.exit()
        reader, writer = (end.detach() for end in fds)
        new = self.links[reader] = Link(reader, writer)
        manner = self.manner
        if manner.endswith(" once"):
            manner, self.manner = manner.removesuffix(" once"), "well"
        match manner:
            case "die before hello":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang up":
                os.close(reader)
                os.close(writer)
                del self.links[reader]
                return
            case "talk nonsense":
                os.write(writer, frame(b"\xc1"))
            case "other incarnation":
                self.send_hello(new, self.incarnation + 100)
            case "small frames":
                self.send_hello(new, self.incarnation, 1000)
            case _:
                self.send_hello(new, self.incarnation)
        self.poll.register(reader, select.POLLIN)

    def send_hello(self, to: Link, incarnation: int, max_frame: int = MAX_FRAME) -> None:
        to.send(link.HELLO, link.VERSION, incarnation, max_frame)

    def read(self, source: Link) -> None:
        data = os.read(source.reader, 1 << 16)
        if not data:
            self.poll.unregister(source.reader)
            del self.links[source.reader]
            os.close(source.reader)
            os.close(source.writer)
            return
        for body in source.frames.feed(data):
            match unpack(body):
                case [link.CALL, int(number), request]:
                    self.call(source, number, link.request_value(request))
                case [link.CAST, request]:
                    self.cast(link.request_value(request))
                case [link.CASTS, list(requests)]:
                    for request in requests:
                        self.cast(link.request_value(request))

    def call(self, source: Link, number: int, request: Any) -> None:  # noqa: C901, PLR0912
        match request:
            case "get":
                source.send(link.REPLY, number, self.count)
            case ("increment", int(amount)):
                self.count += amount
                source.send(link.REPLY, number, self.count)
            case ("echo", value):
                source.send(link.REPLY, number, value)
            case "appended":
                source.send(link.REPLY, number, self.appended)
            case "pid":
                source.send(link.REPLY, number, os.getpid())
            case "links":
                source.send(link.REPLY, number, len(self.links))
            case "refuse":
                source.send(link.ERROR, number, "Refused", ["amount must be positive"])
            case ("error", str(name), list(arguments)):
                source.send(link.ERROR, number, name, arguments)
            case "keep":
                self.kept.append((source, number))
            case "kept":
                source.send(link.REPLY, number, len(self.kept))
            case "release":
                for keeper, kept in reversed(self.kept):
                    keeper.send(link.REPLY, kept, "late")
                self.kept.clear()
                source.send(link.REPLY, number, "released")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "answer and die":
                source.send(link.REPLY, number, "last words")
                os.kill(os.getpid(), signal.SIGKILL)
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "crash":
                source.send(link.DOWN, "error: ValueError: no", "Traceback: no")
                sys.exit(1)
            case "nonsense":
                os.write(source.writer, frame(b"\xc1"))
            case "hang up":
                self.poll.unregister(source.reader)
                del self.links[source.reader]
                os.close(source.reader)
                os.close(source.writer)
            case ("fork", int(holder)):
                self.fork(holder)
                source.send(link.REPLY, number, None)
            case ("flood", int(size), int(times)):
                # Many answers to one number: all but the first are late ones.
                for _ in range(times):
                    source.send(link.REPLY, number, b"x" * size)
            case _:
                source.send(link.ERROR, number, "UnknownRequest", [repr(request)])

    def fork(self, seconds: int) -> None:
        """Leave a process behind that holds every pipe open, as a C library may."""
        if os.fork() == 0:
            signal.alarm(seconds)
            signal.pause()

    def cast(self, request: Any) -> None:
        match request:
            case ("increment", int(amount)):
                self.count += amount
            case ("append", int(number)):
                self.appended.append(number)
            case _:
                pass


if __name__ == "__main__":
    Worker(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3]).run()
