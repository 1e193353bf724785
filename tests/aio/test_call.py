"""What a call sends, and what it gives back: as tests/client/test_call."""

import asyncio
import math

import pytest

from otpy.aio import Node, connect
from otpy.errors import (
    CallTimeout,
    FrameTooLarge,
    NodeNotFound,
    NoProcess,
    NotSendable,
    OtpyError,
    ProtocolError,
    Refused,
    StartFailed,
    UnknownRequest,
)
from tests.aio.loops import on_a_loop
from tests.client.fake_node import FakeNode
from tests.client.test_proxy import Echoing


@on_a_loop
async def test_a_call_returns_the_reply(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    assert await counter.call("get") == 0
    assert await counter.call("increment", 5) == 5
    assert await counter.call(("increment", 2)) == 7
    assert node["counter"] is counter
    assert repr(counter) == "<Ref counter of fake>"


@on_a_loop
async def test_any_value_of_messagepack_passes(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    values: list[object] = [None, True, -1, 1.5, "é", b"\0", [1, [2]], {"a": {"b": []}}, 2**63]
    for value in [*values, b"x" * (3 << 20)]:
        assert await node["counter"].call("echo", value) == value


@on_a_loop
async def test_a_cast_is_done_before_the_next_call(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    for _ in range(100):
        await node["counter"].cast("increment", 1)
    assert await node["counter"].call("get") == 100


@on_a_loop
async def test_many_casts_go_together_in_order(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    await node["counter"].cast_many(("increment", n) for n in range(1000))
    assert await node["counter"].call("get") == sum(range(1000))
    with pytest.raises(NotSendable):
        await node["counter"].cast_many([("increment", 1), object(), ("increment", 1)])
    assert await node["counter"].call("get") == sum(range(1000)) + 1
    await node["nobody"].cast_many(["get"])


@on_a_loop
async def test_two_names_of_one_process_share_a_link(fake: FakeNode, node: Node) -> None:
    fake.add("pool/worker")
    await node["worker"].cast("increment", 1)
    assert await node["pool/worker"].call("get") == 1
    assert node["worker"]._link is node["pool/worker"]._link


@on_a_loop
async def test_what_the_server_refuses_is_raised(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    with pytest.raises(Refused, match="amount must be positive"):
        await counter.call("refuse")
    with pytest.raises(UnknownRequest, match="mumble"):
        await counter.call("mumble")
    with pytest.raises(StartFailed) as caught:
        await counter.call("error", "StartFailed", ["no", "Traceback"])
    assert (caught.value.reason, caught.value.traceback) == ("no", "Traceback")
    with pytest.raises(OtpyError, match=r"^nonsense: why$"):
        await counter.call("error", "nonsense", ["why"])
    assert await counter.call("get") == 0


@on_a_loop
async def test_a_process_that_does_not_exist(fake: FakeNode, node: Node) -> None:
    with pytest.raises(NoProcess, match="nobody"):
        await node["nobody"].call("get")
    with pytest.raises(NoProcess):
        await node["nobody"].pid
    await node["nobody"].cast("get")


@on_a_loop
async def test_what_cannot_be_sent_is_told(fake: FakeNode, node: Node) -> None:
    fake.add("counter", "small frames")
    counter = node["counter"]
    for _ in range(2):  # on a new link, and on one that is there
        with pytest.raises(NotSendable, match=r"cannot send a tuple: .*object is unsupported"):
            await counter.call("echo", object())
        with pytest.raises(NotSendable):
            await counter.cast(object())
    with pytest.raises(NotSendable):
        await node["nobody"].cast(object())
    with pytest.raises(NotSendable):
        await node["nobody"].send_request(object())
    with pytest.raises(NotSendable):
        await node.multi_call(["nobody"], object())
    with pytest.raises(FrameTooLarge, match="over max_frame, which is 1000 bytes"):
        await counter.call("echo", "x" * 1000)
    assert await counter.call("get") == 0


@on_a_loop
async def test_a_late_reply_never_reaches_the_next_call(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    for _ in range(3):
        with pytest.raises(CallTimeout, match=r"'counter' did not answer within 0.01 s"):
            await counter.call("keep", timeout=0.01)
    assert await counter.call("release") == "released"
    assert await counter.call("get") == 0


@on_a_loop
async def test_a_cancelled_call_drops_its_late_reply(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    await counter.call("get")
    call = asyncio.create_task(counter.call("keep", timeout=None))
    while await counter.call("kept") < 1:
        pass
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await counter.call("release") == "released"
    assert await counter.call("get") == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await counter.call("keep", timeout=None)
    assert await counter.call("get") == 0


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, "5"])
def test_a_timeout_is_seconds_above_zero(fake: FakeNode, timeout: float) -> None:
    async def call() -> None:
        async with connect(fake.name) as node:
            await node["counter"].call("get", timeout=timeout)

    with pytest.raises(ValueError, match="timeout is seconds above zero, or None for ever"):
        asyncio.run(call())


@on_a_loop
async def test_a_timeout_may_be_long(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    for timeout in (None, 10**9):
        assert await node["counter"].call("get", timeout=timeout) == 0


@on_a_loop
async def test_nonsense_from_a_worker_is_a_protocol_error(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    with pytest.raises(ProtocolError, match=r"not a message of a worker"):
        await node["counter"].call("nonsense")
    assert await node["counter"].call("get") == 0


@on_a_loop
async def test_a_closed_node_says_so(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    assert await counter.call("get") == 0
    await node.close()
    await node.close()
    for awaitable in (counter.call("get"), node.tree(), anext(node.events())):
        with pytest.raises(ValueError, match="the connection to node 'fake' is closed"):
            await awaitable


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
