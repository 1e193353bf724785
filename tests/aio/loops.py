"""Tests as coroutines, each on an event loop of its own, connected to the fake node."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

from otpy.aio import Node, Ref, connect
from tests.client.fake_node import WAIT_S, FakeNode


def on_a_loop(test: Callable[[FakeNode, Node], Awaitable[None]]) -> Callable[[FakeNode], None]:
    """Make a test of a coroutine; whatever the loop complains of is a failure."""

    def run(fake: FakeNode) -> None:
        asyncio.run(_connected(fake, test))

    run.__name__ = run.__qualname__ = test.__name__
    run.__doc__ = test.__doc__
    return run


async def _connected(fake: FakeNode, test: Callable[[FakeNode, Node], Awaitable[None]]) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    async with asyncio.timeout(WAIT_S), connect(fake.name) as node:
        await test(fake, node)
    gc.collect()
    assert complaints == []


async def kept(server: Ref, count: int) -> None:
    """Wait until the fake worker has that many calls that it does not answer."""
    while await server.call("kept", timeout=WAIT_S) < count:
        pass


async def outcome(awaitable: Awaitable[Any]) -> Any:
    """Return what it returns or raises."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001  # the test looks at it
        return error
