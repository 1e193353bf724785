"""Servers with ``async def`` callbacks."""

import asyncio
import sys
from typing import Any

from otpy import (
    Call,
    Caller,
    GenServer,
    OtpyError,
    Refused,
    Stop,
    Timeout,
    aio,
    call,
    cast,
    receive,
)
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


async def answers(log: str) -> None:
    """Be a function that receives on its loop, and lets a task run meanwhile."""
    ticking = asyncio.create_task(_tick_once(log))
    while True:
        match await aio.receive():
            case Call(request=("wait", float(seconds)), caller=caller):
                try:
                    caller.reply(await aio.receive(seconds))
                except TimeoutError as error:
                    caller.reply(str(error))
            case Call(request=request, caller=caller):
                caller.reply(["answer to", request])
            case "end":
                await ticking
                return
            case message:
                note(log, "received", message)


async def _tick_once(log: str) -> None:
    await asyncio.sleep(0.01)
    note(log, "ticked")


class Calling(GenServer):
    """Calls other workers, and lets a task run meanwhile."""

    def init(self, log: str) -> None:
        self.log, self.ticks = log, 0
        self.task: asyncio.Task[None] | None = None

    @call
    async def ask(self, name: str, request: Any, timeout: float | None = 30.0) -> object:
        answer = await aio.call(name, request, timeout=timeout)
        return sorted(answer) if isinstance(answer, set) else answer

    @call
    async def ask_and_tell_error(self, name: str, request: Any, timeout: float | None) -> list[str]:
        note(self.log, "asks")
        try:
            await aio.call(name, tuple(request), timeout=timeout)
        except OtpyError as error:
            return [type(error).__name__, str(error)]
        return []

    @call
    async def ask_often(self, name: str, count: int) -> int:
        answers = await asyncio.gather(*(aio.call(name, ("echo", n)) for n in range(count)))
        return sum(answers)

    @call
    async def ask_in_turn(self, name: str) -> list[int]:
        pending = [await aio.send_request(name, "increment") for _ in range(5)]
        await aio.cast(name, "increment_later")
        return [await each.result() for each in pending] + [await aio.call(name, "get_count")]

    @call
    async def ask_while_ticking(self, name: str) -> bool:
        self.task = asyncio.create_task(self._tick())
        await aio.call(name, ("wait", 0.3))
        self.task.cancel()
        return self.ticks > 1

    @call
    async def cast_to_self(self) -> None:
        await aio.cast(self.name, "later")

    @cast
    async def later(self) -> None:
        note(self.log, "later")

    async def _tick(self) -> None:
        while True:
            self.ticks += 1
            await asyncio.sleep(0.01)


class Patient(GenServer):
    """Answers values that only pickle carries; and late."""

    @call
    def a_set(self) -> set[int]:
        return {1, 2, 3}

    @call
    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
