"""Servers and functions whose threads send them something."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import otpy
from otpy import Call, GenServer, call, cast
from tests.support.workers import note

_LONG_ENOUGH_S = 0.1
"""How long a thread waits until its server surely waits for messages."""


def _start(target: Callable[..., None], *args: Any) -> None:
    threading.Thread(target=target, args=args, daemon=True).start()


class Threaded(GenServer):
    """Has a thread that sends it what it is told to, while it waits."""

    def init(self, log: str, timer: float | None = None) -> None:
        self.log = log
        if timer is not None:
            self.send_after(timer, "a far timer")

    @call
    def later(self, how: str) -> None:
        _start(self._send, how)

    @call
    def many(self, count: int) -> None:
        for _ in range(4):
            _start(self._send_many, count)

    @cast
    def tick(self, number: int = 0) -> None:
        note(self.log, "tick", number)

    def handle_info(self, message: object) -> None:
        note(self.log, "info", message)

    @call
    def on_signal(self, how: str) -> None:
        signal.signal(signal.SIGUSR1, lambda *_: self._send_now(how))

    def _send(self, how: str) -> None:
        time.sleep(_LONG_ENOUGH_S)
        self._send_now(how)

    def _send_now(self, how: str) -> None:
        match how:
            case "cast":
                otpy.cast(self.name, "tick")
            case "timer":
                self.send_after(0.01, "from a thread")
            case "dispatch":
                otpy.register("me")
                otpy.dispatch("me", "dispatched")

    def _send_many(self, count: int) -> None:
        timers = [self.send_after(0.0, number) for number in range(count)]
        for number in range(count):
            otpy.cast(self.name, "tick", number)
            self.cancel_timer(timers[number])
            self.send_after(0.0, "kept")


class ThreadedAsync(Threaded):
    """The same, on a loop."""

    @cast
    async def tick(self, number: int = 0) -> None:  # type: ignore[override]
        note(self.log, "tick", number)


def receives(log: str, where: str) -> None:
    """Be a function with a thread; one of the two sends, and the other receives."""
    if where == "main":
        _start(_cast_later)
        _receive(log)
    else:
        receiver = threading.Thread(target=_receive, args=(log,))
        receiver.start()
        _cast_later()
        receiver.join()


def _receive(log: str) -> None:
    while not isinstance(message := otpy.receive(), Call):
        note(log, "received", message)


def _cast_later() -> None:
    time.sleep(_LONG_ENOUGH_S)
    otpy.cast("f", "tick")
