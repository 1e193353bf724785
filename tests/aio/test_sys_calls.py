"""System messages from an event loop, to real servers: as runtime/worker/test_sys_messages."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import otpy.aio
from otpy.errors import CallTimeout, NoProcess, Refused, UnknownRequest
from otpy.events import ChildEnded
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

TREE = """
name: kept
max_restarts: 100
children:
  - {id: a, start: "tests.support.stateful:Keeper", args: [WORK/log]}
"""


def run(nodes: Nodes, test: Callable[[NodeUnderTest, otpy.aio.Ref], Awaitable[None]]) -> None:
    async def connected() -> None:
        async with asyncio.timeout(DEADLINE_S), otpy.aio.connect("kept") as client:
            await test(node, client["a"])

    node = nodes.run(TREE)
    asyncio.run(connected())


def test_the_state_is_shown_and_replaced(nodes: Nodes) -> None:
    async def test(_node: NodeUnderTest, a: otpy.aio.Ref) -> None:
        assert await a.call("increment") == 1
        assert (await a.get_state())["count"] == 1
        assert (await a.replace_state({"count": 41}))["count"] == 41
        assert await a.call("increment") == 42
        with pytest.raises(Refused, match="no attribute 'cuont'"):
            await a.replace_state({"cuont": 1})

    run(nodes, test)


def test_a_suspended_server_takes_no_calls(nodes: Nodes) -> None:
    async def test(_node: NodeUnderTest, a: otpy.aio.Ref) -> None:
        assert await a.call("increment") == 1  # its link is there
        await a.suspend()
        with pytest.raises(CallTimeout):
            await a.call("increment", timeout=0.05)
        assert (await a.get_state())["count"] == 1
        assert (await a.statistics()).suspended
        await a.resume()
        assert await a.call("increment") == 3

    run(nodes, test)


def test_a_busy_server_answers_nobody_but_shows_its_stack(nodes: Nodes) -> None:
    async def test(node: NodeUnderTest, a: otpy.aio.Ref) -> None:
        hangs = asyncio.ensure_future(a.call("hang", timeout=None))
        await asyncio.to_thread(node.logged, "hangs")
        with pytest.raises(CallTimeout, match=r"'a' did not answer within 0.05 s"):
            await a.get_state(timeout=0.05)
        assert " in hang" in await a.stack()
        node.kill("a")
        await asyncio.gather(hangs, return_exceptions=True)

    run(nodes, test)


def test_a_trace_ends_with_its_process_and_when_it_is_closed(nodes: Nodes) -> None:
    async def test(node: NodeUnderTest, a: otpy.aio.Ref) -> None:
        trace = await a.trace()
        async with await a.trace() as other:
            await a.call("increment")
            with pytest.raises(UnknownRequest):
                await a.call("no such")
            assert [(await anext(other)).kind for _ in range(4)] == [
                "call",
                "reply",
                "call",
                "error",
            ]
            waits = asyncio.ensure_future(anext(other, None))
            await asyncio.sleep(0)
            await other.aclose()
            assert await waits is None
        node.kill("a")
        assert [event.kind async for event in trace] == ["call", "reply", "call", "error"]
        node.next(ChildEnded, path="a")

    run(nodes, test)


def test_nobody_of_that_name(nodes: Nodes) -> None:
    async def test(_node: NodeUnderTest, a: otpy.aio.Ref) -> None:
        nobody = a._node["nobody"]
        for ask in (nobody.get_state, nobody.suspend, nobody.trace, nobody.stack):
            with pytest.raises(NoProcess):
                await ask()

    run(nodes, test)
