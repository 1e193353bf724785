"""Servers with ``async def`` callbacks."""

import asyncio
import sys
from typing import Any

from otpy import Caller, GenServer, Refused, Stop, Timeout, call, cast, receive
from tests.support.workers import Contract, note


class AsyncContract(Contract):
    """The same, but everything is async."""

    async def init(self, log: str, result: str = "None") -> object:
        await asyncio.sleep(0)
        return super().init(log, result)

    async def handle_call(self, request: object, caller: Caller) -> object:
        await asyncio.sleep(0)
        result = super().handle_call(request, caller)
        return await result if asyncio.iscoroutine(result) else result

    async def handle_cast(self, request: object) -> object:
        await asyncio.sleep(0)
        return super().handle_cast(request)

    async def handle_info(self, message: object) -> object:
        await asyncio.sleep(0)
        return super().handle_info(message)

    async def handle_continue(self, argument: object) -> object:
        await asyncio.sleep(0)
        return super().handle_continue(argument)

    async def terminate(self, reason: str) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().terminate(reason)

    @call
    async def add(  # type: ignore[override]
        self, one: int, two: int = 1, *, three: int = 0
    ) -> int:
        await asyncio.sleep(0)
        return one + two + three


class Loops(GenServer):
    """Awaits what it is told to, and starts tasks; `init` and half of its methods are plain."""

    def init(self, log: str) -> None:
        self.log = log
        self.opened = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    @call
    async def wait_until_open(self) -> str:
        note(self.log, "waits")
        await self.opened.wait()
        return "open"

    @call
    async def sleep_for_ever(self) -> None:
        note(self.log, "sleeps")
        await asyncio.sleep(100_000)

    @call
    def open_later(self, seconds: float) -> None:
        self._start(self._open(seconds))

    @call
    async def pass_through(self, value: object) -> object:
        await asyncio.sleep(0)
        return value

    @call
    def at_once(self, value: object) -> object:
        return value

    @call
    def background(self, what: str) -> None:
        self._start(getattr(self, f"_{what}")())

    @call
    async def refuse(self) -> None:
        raise Refused("not today")

    @call
    async def crash(self) -> None:
        await asyncio.sleep(0)
        raise LookupError("after a while")

    @call
    async def cancel_itself(self) -> None:
        raise asyncio.CancelledError

    @call
    async def stop(self, reply: str) -> Stop:
        return Stop("done", reply=reply)

    @cast
    async def time_out(self, seconds: float) -> Timeout:
        return Timeout(seconds)

    @call
    def modules(self) -> bool:
        return "asyncio" in sys.modules

    async def handle_info(self, message: object) -> None:
        note(self.log, "info", message)

    async def terminate(self, reason: str) -> None:
        await asyncio.sleep(0.01)
        note(self.log, "terminate", reason)

    def _start(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _open(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        note(self.log, "opens")
        self.opened.set()

    async def _raises(self) -> None:
        raise ValueError("in the background")

    async def _sends(self) -> None:
        await asyncio.sleep(0.05)  # the server waits for messages by now
        self.send_after(0.0, "from a task")
        await asyncio.sleep(0.05)
        cast("a", "time_out", 0.01)

    async def _exits(self) -> None:
        sys.exit(3)

    async def _lasts(self) -> None:
        try:
            note(self.log, "task begins")
            await asyncio.sleep(100_000)
        finally:
            note(self.log, "task cancelled")


class FailsToStart(GenServer):
    """Fails in an async init, with a task under way."""

    async def init(self, log: str) -> None:
        self.task = asyncio.create_task(self.lasts(log))
        await asyncio.sleep(0)
        raise RuntimeError("no start")

    async def lasts(self, log: str) -> None:
        try:
            await asyncio.sleep(100_000)
        finally:
            note(log, "task cancelled")


async def function(log: str) -> None:
    """Be a function that awaits, and ends."""
    await asyncio.sleep(0)
    note(log, "received", receive())
