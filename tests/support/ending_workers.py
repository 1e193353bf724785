"""Servers and functions that end while something of theirs goes on."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from otpy import GenServer, call
from tests.support.workers import note


async def _swallow() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)


async def _block() -> None:
    try:
        await asyncio.sleep(1000)
    finally:
        time.sleep(1000)  # noqa: ASYNC251  # which blocks the loop


async def _thread() -> None:
    await asyncio.to_thread(time.sleep, 1000)


async def _generator() -> None:
    async for _ in _numbers():
        pass


async def _numbers() -> Any:
    try:
        while True:
            yield 1
            await asyncio.sleep(1000)
    finally:
        await _swallow()


_LEFT: dict[str, Callable[[], Any]] = {
    "swallows": _swallow,
    "blocks": _block,
    "thread": _thread,
    "generator": _generator,
}


class Leaving(GenServer):
    """Leaves something behind when it ends, on its loop."""

    def init(self, log: str, fails: str = "") -> Any:
        self.log = log
        self.left: list[asyncio.Task[Any]] = []
        return self._fail(fails) if fails else None

    async def _fail(self, what: str) -> None:
        await self.leave(what)
        raise RuntimeError("no start")

    @call
    async def leave(self, what: str) -> None:
        self.left.append(asyncio.create_task(_LEFT[what]()))
        await asyncio.sleep(0.01)

    @call
    async def crash(self) -> None:
        raise ValueError("let it crash")

    async def terminate(self, reason: str) -> None:
        note(self.log, "terminate", reason)


async def leaves(log: str, what: str) -> None:
    """Be a function that ends, and leaves something behind."""
    task = asyncio.create_task(_LEFT[what]())
    await asyncio.sleep(0.01)
    note(log, "returns", task.done())


class Signaled(GenServer):
    """Has its own handler of SIGTERM, which exits."""

    def init(self, log: str, timer: float | None = None) -> None:
        self.log = log
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        if timer is not None:
            self.send_after(timer, "late")

    @call
    def ready(self) -> None:
        pass

    def terminate(self, reason: str) -> None:
        note(self.log, "terminate", reason)


class SignaledAsync(Signaled):
    """The same, on a loop; its terminate awaits."""

    @call
    async def ready(self) -> None:  # type: ignore[override]
        pass

    async def terminate(self, reason: str) -> None:  # type: ignore[override]
        await asyncio.sleep(0.05)
        note(self.log, "terminate", reason)
