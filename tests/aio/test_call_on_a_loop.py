"""What calls and connections do that only an event loop has."""

import asyncio

import pytest

from otpy.aio import Node, connect
from otpy.errors import CallTimeout, NodeNotFound
from tests.aio.loops import on_a_loop, wait_for_kept
from tests.client.fake_node import FakeNode
from tests.client.test_proxy import Echoing


@on_a_loop
async def test_a_cancelled_call_drops_its_late_reply(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    await counter.call("get")
    call = asyncio.create_task(counter.call("keep", timeout=None))
    await wait_for_kept(counter, 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await counter.call("release") == "released"
    assert await counter.call("get") == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await counter.call("keep", timeout=None)
    assert await counter.call("get") == 0


@on_a_loop
async def test_events_of_a_closed_node_say_so(fake: FakeNode, node: Node) -> None:
    del fake
    await node.close()
    with pytest.raises(ValueError, match="the connection to node 'fake' is closed"):
        await anext(node.events())


@on_a_loop
async def test_a_proxy_has_the_methods_of_the_class(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    proxy = node.proxy("counter", Echoing)
    await proxy.increment(5)  # type: ignore[misc]
    assert await proxy.get() == 5  # type: ignore[misc]
    with pytest.raises(AttributeError):
        _ = proxy.not_marked


def test_connecting_may_be_awaited_and_needs_a_node(fake: FakeNode) -> None:
    async def connects() -> None:
        node = await connect()
        assert (node.name, node.pid, node.config) == ("fake", fake.pid, "f.yaml")
        assert repr(node) == "<Node fake>"
        async with node:
            pass
        with pytest.raises(NodeNotFound, match="node 'shop' is not running; these are: fake"):
            await connect("shop")
        with pytest.raises(NodeNotFound):
            await connect("a/b")
        fake.kill_gateway()
        fake._listener.listen(0)
        for _ in range(3):  # the first fills the backlog
            with pytest.raises(CallTimeout, match=r"node 'fake' did not answer within 0.05 s"):
                await connect(timeout=0.05)

    asyncio.run(connects())
