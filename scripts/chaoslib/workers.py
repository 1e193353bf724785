"""The workers of the tree under chaos: each counts what it did for whom, and hides nothing."""

import asyncio
import os
import signal
import time
from collections import defaultdict
from typing import Any, Final

import otpy
import otpy.aio
from otpy import Call, GenServer, call, cast, tasks
from otpy.errors import OtpyError

_REMEMBERED: Final = 1000


class Applied:
    """What was applied of one kind of requests of one client: how many, and which of late."""

    def __init__(self) -> None:
        self.count = 0
        self._numbers: dict[int, None] = {}

    def apply(self, number: int) -> bool:
        """Apply a request; return whether it was applied before."""
        twice = number in self._numbers
        self.count += 1
        self._numbers[number] = None
        if len(self._numbers) > _REMEMBERED:
            del self._numbers[next(iter(self._numbers))]
        return twice


class Book:
    """What one incarnation of a worker has applied.

    Attributes:
        twice: Requests that were applied once more.
    """

    def __init__(self) -> None:
        self._calls: dict[str, Applied] = defaultdict(Applied)
        self._casts: dict[str, Applied] = defaultdict(Applied)
        self.twice = 0
        # Not the pid alone, which may be another incarnation's later.
        self._incarnation = f"{os.getpid()}-{time.monotonic_ns()}"

    def note(self, client: str, number: int) -> None:
        """Apply a cast."""
        self.twice += self._casts[client].apply(number)

    def answer(self, client: str, number: int, value: Any) -> list[Any]:
        """Apply a call; the answer says whose it is, what it was, and what was applied so far."""
        self.twice += self._calls[client].apply(number)
        calls, casts = self._calls[client].count, self._casts[client].count
        return [self._incarnation, client, number, value, calls, casts, self.twice]


class Server(GenServer):
    """A plain server."""

    def init(self) -> None:  # noqa: D102  # every incarnation begins with nothing
        self.book = Book()

    @call
    def apply(self, client: str, number: int, value: Any) -> list[Any]:
        """Apply a call."""
        return self.book.answer(client, number, value)

    @cast
    def note(self, client: str, number: int) -> None:
        """Apply a cast."""
        self.book.note(client, number)


class AsyncServer(GenServer):
    """The same, on an event loop."""

    async def init(self) -> None:  # noqa: D102  # as in `Server`
        self.book = Book()

    @call
    async def apply(self, client: str, number: int, value: Any) -> list[Any]:
        """Apply a call."""
        await asyncio.sleep(0)
        return self.book.answer(client, number, value)

    @cast
    async def note(self, client: str, number: int) -> None:
        """Apply a cast."""
        self.book.note(client, number)


class Relay(Server):
    """A server that passes calls on to others, and has tasks done."""

    @call
    def relay(self, target: str, client: str, number: int, value: Any) -> list[Any]:
        """Pass a call on, and return what came of it."""
        return _told(lambda: otpy.call(target, "apply", client, number, value, timeout=20.0))

    @call
    def work_out(self, one: int, two: int) -> list[Any]:
        """Run a task, and return its result."""
        return _told(lambda: tasks.await_(tasks.async_(add, one, two), timeout=20.0))


class AsyncRelay(AsyncServer):
    """The same, on an event loop."""

    @call
    async def relay(self, target: str, client: str, number: int, value: Any) -> list[Any]:
        """Pass a call on, and return what came of it."""
        try:
            applied = otpy.aio.call(target, "apply", client, number, value, timeout=20.0)
            return ["answer", await applied]
        except OtpyError as error:
            return ["error", type(error).__name__]


def _told(ask: Any) -> list[Any]:
    try:
        return ["answer", ask()]
    except OtpyError as error:
        return ["error", type(error).__name__]


def add(one: int, two: int) -> int:
    """Be a task."""
    return one + two


def function() -> None:
    """Be a function that is a worker: it reads its mailbox."""
    book = Book()
    while True:
        match otpy.receive():
            case Call(request=("apply", str(client), int(number), value), caller=caller):
                caller.reply(book.answer(client, number, value))
            case ("note", str(client), int(number)):
                book.note(client, number)


def parent() -> None:
    """Be a function that always has a process of its own, in a session of its own."""
    while True:
        if os.fork() == 0:
            os.setsid()
            signal.pause()
            os._exit(0)
        os.wait()


def rest() -> None:
    """Be a function that waits for what nobody sends."""
    while True:
        otpy.receive()
