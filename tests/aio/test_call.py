"""What a call sends, and what it gives back."""

import math

import pytest

from otpy.aio import Node
from otpy.errors import (
    CallTimeout,
    FrameTooLarge,
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
async def test_many_casts_go_in_order_with_calls(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    await counter.cast_many(("append", i) for i in range(1000))
    await counter.cast("append", 1000)
    await counter.cast_many([])
    await counter.cast_many([("append", 1001), "x" * 100_000, ("append", 1002)])
    assert await counter.call("appended") == list(range(1003))


@on_a_loop
async def test_of_many_casts_those_before_the_one_that_cannot_be_sent_go(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter", "small frames")
    counter = node["counter"]
    assert await counter.call("get") == 0
    for wrong, error in ((object(), NotSendable), ("x" * 1000, FrameTooLarge)):
        with pytest.raises(error):
            await counter.cast_many([("increment", 1)] * 300 + [wrong] + [("increment", 1)] * 300)
    assert await counter.call("get") == 600
    await counter.cast_many(["x" * 900] * 3 + [("increment", 1)])  # each is small enough by itself
    assert await counter.call("get") == 601


@on_a_loop
async def test_two_names_of_one_process_share_a_link(fake: FakeNode, node: Node) -> None:
    fake.add("pool/worker")
    await node["worker"].cast("increment", 1)
    assert await node["pool/worker"].call("get") == 1
    assert node["pool/worker"]._link is node["worker"]._link


@on_a_loop
async def test_a_refusal_is_raised_and_the_server_goes_on(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    with pytest.raises(Refused, match="amount must be positive"):
        await counter.call("refuse")
    with pytest.raises(UnknownRequest, match="mumble"):
        await counter.call("mumble")
    with pytest.raises(StartFailed) as caught:
        await counter.call("error", "StartFailed", ["no", "Traceback"])
    assert (caught.value.reason, caught.value.traceback) == ("no", "Traceback")
    assert await counter.call("get") == 0


@pytest.mark.parametrize("name", ["SystemExit", "Sequence", "nonsense", "FrameTooLarge"])
@on_a_loop
async def test_an_error_of_another_version_is_an_otpy_error(
    fake: FakeNode, node: Node, name: str
) -> None:
    fake.add("counter")
    with pytest.raises(OtpyError) as caught:
        await node["counter"].call("error", name, ["why"])
    assert type(caught.value) is OtpyError
    assert str(caught.value) == f"{name}: why"


@on_a_loop
async def test_a_process_that_does_not_exist(fake: FakeNode, node: Node) -> None:
    with pytest.raises(NoProcess, match="nobody"):
        await node["nobody"].call("get")
    with pytest.raises(NoProcess):
        _ = await node["nobody"].pid
    await node["nobody"].cast("get")
    await node["nobody"].cast_many(["get", "get"])


@on_a_loop
async def test_what_cannot_be_sent_is_told(fake: FakeNode, node: Node) -> None:
    fake.add("counter", "small frames")
    counter = node["counter"]
    for _ in range(2):  # on a new link, and on one that is there
        with pytest.raises(NotSendable, match=r"cannot send a tuple: .*object is unsupported"):
            await counter.call("echo", object())
        with pytest.raises(NotSendable, match="cannot send a object"):
            await counter.cast(object())
        assert await counter.call("get") == 0
    nobody = node["nobody"]
    with pytest.raises(NotSendable):
        await nobody.cast(object())
    with pytest.raises(NotSendable):
        await nobody.cast_many([object()])
    with pytest.raises(NotSendable):
        await nobody.send_request(object())
    with pytest.raises(NotSendable):
        await node.multi_call(["nobody"], object())
    assert await counter.call("echo", "x" * 900) == "x" * 900
    with pytest.raises(FrameTooLarge, match="over max_frame, which is 1000 bytes"):
        await counter.call("echo", "x" * 1000)
    with pytest.raises(FrameTooLarge):
        await counter.cast("x" * 1000)
    assert await counter.call("get") == 0


@on_a_loop
async def test_a_late_reply_never_reaches_the_next_call(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    assert await counter.call("get") == 0  # from here on there is a link
    for _ in range(3):
        with pytest.raises(CallTimeout, match=r"'counter' did not answer within 0.01 s"):
            await counter.call("keep", timeout=0.01)
    assert await counter.call("release") == "released"
    assert await counter.call("get") == 0


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, "5"])
@on_a_loop
async def test_a_timeout_is_seconds_above_zero(fake: FakeNode, node: Node, timeout: float) -> None:
    fake.add("counter")
    with pytest.raises(ValueError, match="timeout is seconds above zero, or None for ever"):
        await node["counter"].call("get", timeout=timeout)


@on_a_loop
async def test_a_timeout_may_be_long(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    for timeout in (None, 1e-6 + 30, 10**9):
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
    with pytest.raises(ValueError, match="the connection to node 'fake' is closed"):
        await counter.call("get")
    with pytest.raises(ValueError, match="the connection to node 'fake' is closed"):
        await node.tree()
