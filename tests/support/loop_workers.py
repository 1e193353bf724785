"""Classes whose need of an event loop is not seen at first sight."""

import asyncio
import sys
from collections.abc import Callable
from functools import partialmethod, wraps
from typing import Any

from otpy import GenServer, call, cast


def running() -> bool:
    """Return whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate with a plain function, as most decorators do."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate without a sign of what is decorated."""

    def wrapper(self: Any, *args: Any) -> Any:
        return function(self, *args)

    return wrapper


def run_by_itself(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a plain function of an async one."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(function(*args, **kwargs))

    return wrapper


class Helped(GenServer):
    """Plain: its async functions are helpers that it runs by itself."""

    async def _fetch(self, number: int) -> int:
        await asyncio.sleep(0)
        return number * 2

    async def fetch_all(self) -> list[int]:
        return [await self._fetch(number) for number in range(3)]

    @call
    def double(self, number: int) -> int:
        return asyncio.run(self._fetch(number))

    @call
    @run_by_itself
    async def treble(self, number: int) -> int:
        await asyncio.sleep(0)
        return number * 3


class Overridden(GenServer):
    """Async, but for its child."""

    @call
    async def double(self, number: int) -> int:
        await asyncio.sleep(0)
        return number * 2


class PlainAgain(Overridden):
    """Plain: what was async is overridden."""

    @call
    def double(self, number: int) -> int:  # type: ignore[override]
        return asyncio.run(super().double(number)) if number < 0 else number * 2


class Passing(Overridden):
    """Async: its plain method gives what its base class's does."""

    @call
    def double(self, number: int) -> Any:
        return super().double(number)


class Wrapped(GenServer):
    """Async behind two decorators."""

    @call
    @wrapped
    @wrapped
    async def double(self, number: int) -> int:
        await asyncio.sleep(0)
        return number * 2


class Mixin:
    """Async methods that are no server's yet."""

    @call
    async def double(self, number: int) -> int:
        await asyncio.sleep(0)
        return number * 2


class Mixed(GenServer, Mixin):
    """Async by what stands behind GenServer."""


class NeverCalled:
    """Has a callback that GenServer's own comes before."""

    async def init(self) -> None:
        raise AssertionError


class Behind(GenServer, NeverCalled):
    """Plain: what is async in it is not called."""

    @call
    def double(self, number: int) -> int:
        return asyncio.run(asyncio.sleep(0, number * 2))


class Partial(GenServer):
    """Async by a method with an argument filled in, and static ones."""

    async def multiply(self, factor: int, number: int) -> int:
        await asyncio.sleep(0)
        return factor * number

    double = call(partialmethod(multiply, 2))

    @staticmethod
    @call
    async def treble(_first: object, number: int = 0) -> int:
        await asyncio.sleep(0)
        return number * 3


class Static(GenServer):
    """Async by a static method and one of the class."""

    @call
    @classmethod
    async def double(cls, number: int) -> int:
        await asyncio.sleep(0)
        return number * 2


class Hidden(GenServer):
    """Nothing tells that its callbacks are async until they are called."""

    @hidden
    async def init(self) -> None:
        await asyncio.sleep(0)
        self.ticks: list[str] = []

    @hidden
    async def handle_call(self, request: object, caller: object) -> object:
        del caller
        await asyncio.sleep(0)
        return ["answer to", request, running()]

    @hidden
    async def terminate(self, reason: str) -> None:
        await asyncio.sleep(0)
        sys.stdout.write(f"terminated {reason}\n")


class HiddenLater(GenServer):
    """A plain server until it is called."""

    def init(self) -> None:
        self.noted: list[object] = []

    @cast
    @hidden
    async def note(self, what: object) -> None:
        await asyncio.sleep(0)
        self.noted.append(what)

    @call
    def is_on_a_loop(self) -> bool:
        return running()

    @call
    def notes(self) -> list[object]:
        return self.noted

    @hidden
    async def terminate(self, reason: str) -> None:
        await asyncio.sleep(0)
        sys.stdout.write(f"terminated {reason}\n")
