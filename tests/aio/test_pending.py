"""Requests that are under way while their sender goes on."""

import os
import signal

import pytest

from otpy.aio import Node
from otpy.errors import (
    CallTimeout,
    FrameTooLarge,
    NoProcess,
    NotSendable,
    ProcessDown,
    Refused,
)
from tests.aio.loops import on_a_loop, wait_for_kept
from tests.client.fake_node import FakeNode


@on_a_loop
async def test_many_are_under_way_on_one_link(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    pending = [await counter.send_request("increment", 1) for _ in range(300)]
    assert await counter.call("get") == 300
    assert [await each.result() for each in reversed(pending)] == list(range(300, 0, -1))
    assert await counter.call("links") == 1


@on_a_loop
async def test_answers_come_in_any_order(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    kept = await node["counter"].send_request("keep")
    other = await node["counter"].send_request("increment", 5)
    assert await other.result() == 5
    assert not kept.done()
    assert other.done()
    assert await node["counter"].call("release") == "released"
    assert kept.done()
    assert await kept.result() == "late"


@on_a_loop
async def test_a_result_may_be_asked_for_again(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    kept, refused = await counter.send_request("keep"), await counter.send_request("refuse")
    for _ in range(2):
        with pytest.raises(CallTimeout, match="did not answer within"):
            await kept.result(timeout=0.001)
        with pytest.raises(Refused):
            await refused.result()
    assert (kept.done(), refused.done()) == (False, True)
    await counter.cast("release")
    await counter.call("release")
    assert [await kept.result(), await kept.result()] == ["late", "late"]


@on_a_loop
async def test_more_than_the_pipes_hold_may_be_under_way(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    value = b"x" * 40_000
    pending = [await node["counter"].send_request("echo", value) for _ in range(100)]
    assert [await each.result() for each in pending] == [value] * 100


@on_a_loop
async def test_what_is_forgotten_is_dropped(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    for _ in range(20):
        await counter.send_request("increment", 1)
    assert await counter.call("get") == 20
    assert counter._link is not None
    assert not counter._link._waiters


@on_a_loop
async def test_a_request_that_was_read_is_told_of_the_death(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    kept = await node["counter"].send_request("keep")
    await wait_for_kept(node["counter"], 1)
    worker.kill()
    with pytest.raises(ProcessDown, match="killed"):
        await kept.result()
    with pytest.raises(ProcessDown, match="killed"):
        await kept.result()
    assert await node["counter"].call("get") == 0


@on_a_loop
async def test_a_request_that_was_not_read_goes_to_the_next_incarnation(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    counter = node["counter"]
    pid = await counter.call("pid")
    os.kill(pid, signal.SIGSTOP)
    pending = [await counter.send_request("increment", 1) for _ in range(3)]
    os.kill(pid, signal.SIGKILL)
    assert [await each.result() for each in pending] == [1, 2, 3]


@on_a_loop
async def test_what_goes_wrong_is_told_by_the_result(fake: FakeNode, node: Node) -> None:
    pending = await node["nobody"].send_request("get")
    assert pending.done()
    with pytest.raises(NoProcess):
        await pending.result()


@pytest.mark.parametrize("name", ["counter", "nobody"])
@on_a_loop
async def test_what_cannot_be_sent_is_told_at_once(fake: FakeNode, node: Node, name: str) -> None:
    fake.add("counter")
    with pytest.raises(NotSendable):
        await node[name].send_request(object())
    with pytest.raises(FrameTooLarge):
        await node[name].send_request("x" * (65 << 20))


@on_a_loop
async def test_several_are_called_at_the_same_time(fake: FakeNode, node: Node) -> None:
    for name in ("a", "b", "c"):
        fake.add(name)
    await node["b"].call("increment", 7)
    replies, bad = await node.multi_call(["a", "b", "nobody", "c", "a"], "get")
    assert replies == {"a": 0, "b": 7, "c": 0}
    assert [(name, type(error)) for name, error in bad.items()] == [("nobody", NoProcess)]


@on_a_loop
async def test_who_does_not_answer_in_time_holds_up_nobody(fake: FakeNode, node: Node) -> None:
    fake.add("stuck")
    fake.add("dies")
    fake.add("b")
    assert await node["b"].call("get") == 0  # its link is there
    os.kill(await node["stuck"].call("pid"), signal.SIGSTOP)
    for seconds in (1, 10, 100):  # all of it is over before `b` has run, on a busy machine
        replies, bad = await node.multi_call(["stuck", "b"], "increment", 0, timeout=seconds)
        if replies:
            break
    assert replies == {"b": 0}
    assert {name: str(error) for name, error in bad.items()} == {
        "stuck": f"'stuck' did not answer within {seconds} s"
    }
    replies, bad = await node.multi_call(["dies"], "die")
    assert (replies, str(bad["dies"])) == ({}, "killed")


@on_a_loop
async def test_a_cast_to_several(fake: FakeNode, node: Node) -> None:
    for name in ("a", "b"):
        fake.add(name)
    await node.abcast(["a", "nobody", "b"], "increment", 5)
    assert await node.multi_call(["a", "b"], "get") == ({"a": 5, "b": 5}, {})
    with pytest.raises(NotSendable):
        await node.abcast(["nobody"], object())
