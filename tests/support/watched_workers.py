"""Workers that are replaced, or killed since they give no sign of life."""

import asyncio
import contextlib
import os
import signal
import threading
import time

import otpy.aio
from otpy import call, cast, link, receive, watchdog
from tests.support.workers import Remote, note


class AsyncRemote(Remote):
    """Does as it is told, on an event loop."""

    @call
    async def increment(self) -> int:  # type: ignore[override]
        self.count += 1
        return self.count


class Linked(Remote):
    """Ends with another one."""

    trap_exit = False

    def init(self, log: str, other: str) -> object:  # type: ignore[override]
        link(other)
        return super().init(log)


class Busy(Remote):
    """Is at work for long."""

    @cast
    def work(self, signs: int, seconds: float) -> None:
        """Take a while, and give a sign of life now and then."""
        for _ in range(signs):
            time.sleep(seconds)
            watchdog()
        note(self.log, "worked")

    @cast
    def spin(self) -> None:
        note(self.log, "spins")
        while True:
            pass


class AsyncBusy(Busy):
    """Hangs where it awaits."""

    @cast
    async def wait(self) -> None:
        await asyncio.Event().wait()


def works(log: str, signs: int) -> None:
    """Give a few signs of life, and none any more."""
    for _ in range(signs):
        time.sleep(0.02)
        watchdog()
    note(log, "worked")
    threading.Event().wait()


def hangs_after_a_timeout() -> None:
    """Wait for a message for a while, and hang then."""
    with contextlib.suppress(TimeoutError):
        receive(timeout=0.05)
    threading.Event().wait()


async def hangs_after_a_timeout_async() -> None:
    """Wait for a message for a while, and hang then, on an event loop."""
    with contextlib.suppress(TimeoutError):
        await otpy.aio.receive(timeout=0.05)
    threading.Event().wait()


def receives() -> None:
    """Wait for messages."""
    while True:
        receive()


def leaves_a_daemon(size: int) -> None:
    """Start a process that holds memory, in a session of its own, and that nobody is parent of."""
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        kept = b"x" * size
        while kept:
            signal.pause()
    os.wait()
    receive()
