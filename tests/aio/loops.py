"""Tests as coroutines, each on an event loop of its own, connected to the fake node.

`Background`, `PipeProbe` and `wait_for_kept` are the twins of those in `tests.client.in_threads`.
"""

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from otpy.aio import Ref, connect
from tests.client import in_threads
from tests.client.fake_node import WAIT_S, Held

T = TypeVar("T")


def on_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a test of a coroutine; whatever the loop complains of is a failure."""
    signature = inspect.signature(test)

    def run(**arguments: Any) -> None:
        connects = _connected if "node" in signature.parameters else _run
        asyncio.run(connects(partial(test, **arguments)))

    fixtures = [each for name, each in signature.parameters.items() if name != "node"]
    run.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
    run.__name__ = run.__qualname__ = test.__name__
    run.__doc__ = test.__doc__
    return run


async def _connected(test: "partial[Awaitable[None]]") -> None:
    async with connect(test.keywords["fake"].name) as node:
        await _run(partial(test, node=node))


async def _run(test: Callable[[], Awaitable[None]]) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    async with asyncio.timeout(WAIT_S):
        await test()
    gc.collect()
    assert complaints == []


async def wait_for_kept(server: Ref, count: int) -> None:
    """Wait until the fake worker has that many calls that it does not answer."""
    while await server.call("kept", timeout=WAIT_S) < count:
        pass


async def collected(events: AsyncIterator[T]) -> list[T]:
    """Return all events up to the end."""
    return [event async for event in events]


async def outcome(awaitable: Awaitable[Any]) -> Any:
    """Return what it returns or raises."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001  # the test looks at it
        return error


class Background:
    """A coroutine in a task of its own; `result` waits for it."""

    def __init__(self, function: Callable[[], Awaitable[Any]]) -> None:
        self._task = asyncio.ensure_future(outcome(function()))

    async def begun(self) -> None:
        """Run it until it waits."""
        await asyncio.sleep(0)

    async def result(self) -> Any:
        return await self._task


async def arrived(held: Held) -> None:
    """Wait until the gateway was asked what it holds back."""
    assert await asyncio.to_thread(held.arrived.wait, WAIT_S)


class PipeProbe(in_threads.PipeProbe):
    """A second reader of the pipe that a link writes to; it only looks, and holds it open."""

    def __init__(self, link: Any) -> None:
        super().__init__(link)

    async def wait_for_bytes(self) -> None:  # type: ignore[override]
        await asyncio.to_thread(super().wait_for_bytes)
