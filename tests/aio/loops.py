"""Tests as coroutines, each on an event loop of its own, connected to the fake node.

`Background`, `PipeProbe` and `wait_for_kept` are the twins of those in `tests.client.in_threads`.
"""

import asyncio
import gc
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from otpy.aio import Ref, connect
from tests.client import in_threads
from tests.client.fake_node import WAIT_S, FakeNode


def on_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a test of a coroutine; whatever the loop complains of is a failure."""

    def run(fake: FakeNode, **arguments: Any) -> None:
        asyncio.run(_connected(fake, partial(test, **arguments)))

    signature = inspect.signature(test)
    fixtures = [each for name, each in signature.parameters.items() if name != "node"]
    run.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
    run.__name__ = run.__qualname__ = test.__name__
    run.__doc__ = test.__doc__
    return run


async def _connected(fake: FakeNode, test: Callable[..., Awaitable[None]]) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    async with asyncio.timeout(WAIT_S), connect(fake.name) as node:
        await test(fake=fake, node=node)
    gc.collect()
    assert complaints == []


async def wait_for_kept(server: Ref, count: int) -> None:
    """Wait until the fake worker has that many calls that it does not answer."""
    while await server.call("kept", timeout=WAIT_S) < count:
        pass


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

    async def result(self) -> Any:
        return await self._task


class PipeProbe(in_threads.PipeProbe):
    """A second reader of the pipe that a link writes to; it only looks, and holds it open."""

    def __init__(self, link: Any) -> None:
        super().__init__(link)

    async def wait_for_bytes(self) -> None:  # type: ignore[override]
        await asyncio.to_thread(super().wait_for_bytes)
