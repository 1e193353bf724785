"""The asyncio client at a real node."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import otpy
from otpy import aio
from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

TREE = """
    name: loops
    max_restarts: 1000
    children:
      - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
      - {id: pool, start: "tests.support.workers:Remote", args: [WORK/log], instances: 3}
    """


def on_a_loop(node: NodeUnderTest, test: Callable[[aio.Node], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(DEADLINE_S), aio.connect(node.name) as client:
            await test(client)

    asyncio.run(run())


def test_a_call_right_after_kill_9_is_answered_by_the_next_incarnation(nodes: Nodes) -> None:
    node = nodes.run(TREE)

    async def kill_and_call(client: aio.Node) -> None:
        for number in range(2, 22):
            pid, _ = await client["a"].call("identity", timeout=None)
            os.kill(pid, 9)
            new_pid, incarnation = await client["a"].call("identity", timeout=None)
            assert (new_pid != pid, incarnation) == (True, number)

    on_a_loop(node, kill_and_call)


def test_fifty_tasks_all_get_an_answer_or_an_error(nodes: Nodes) -> None:
    node = nodes.run(TREE)

    async def ask(client: aio.Node) -> None:
        async def call_often() -> set[str]:
            reasons = set()
            for _ in range(50):
                try:
                    await client["a"].call("increment", timeout=None)
                except otpy.ProcessDown as error:
                    reasons.add(error.reason)
            return reasons

        tasks = [asyncio.create_task(call_often()) for _ in range(50)]
        for _ in range(5):
            await asyncio.to_thread(node.recover, "a")
        assert set().union(*await asyncio.gather(*tasks)) <= {"killed"}

    on_a_loop(node, ask)


def test_a_crash_is_told_with_its_traceback(nodes: Nodes) -> None:
    node = nodes.run(TREE)

    async def crash(client: aio.Node) -> None:
        with pytest.raises(otpy.ProcessDown) as caught:
            await client["a"].call("crash", "boom", timeout=None)
        assert caught.value.reason == "error: RuntimeError: boom"
        assert "in crash" in caught.value.traceback

    on_a_loop(node, crash)


def test_instances_are_found_by_key_or_in_turn(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    keys = [0, 1, 5, -1, "ann", "bob", ["a", 1], True]
    expected = [node.client["pool"].call("number", key=key, timeout=DEADLINE_S)[0] for key in keys]

    async def ask(client: aio.Node) -> None:
        pool = client["pool"]
        assert [(await pool.call("number", key=key, timeout=None))[0] for key in keys] == expected
        pending = [await pool.send_request("number", key=key, timeout=None) for key in keys]
        assert [(await each.result(None))[0] for each in pending] == expected
        for i, key in enumerate(keys):
            await pool.cast("note_number", f"cast {i}", key=key)
        turns = set[object]()
        while turns != {0, 1, 2}:
            turns.add((await pool.call("number", timeout=None))[0])
        assert await pool.pid == node.pids()["pool"]

    on_a_loop(node, ask)
    for i, instance in enumerate(expected):
        node.logged(f"cast {i}", instance)


def test_what_is_registered_watched_and_counted(nodes: Nodes) -> None:
    node = nodes.run("""
        name: registered
        children:
          - {id: a, start: "tests.support.kin_workers:Kin", args: [WORK/log, "", news]}
          - {id: b, start: "tests.support.kin_workers:Kin", args: [WORK/log, "", news]}
        """)

    async def ask(client: aio.Node) -> None:
        found = await client.lookup("news")
        assert [(each.path, each.value) for each in found] == [("a", "a"), ("b", "b")]
        assert await client.dispatch("news", ["hello", 1]) == 2
        assert await client.lookup("silence") == []
        assert set(await client.statistics()) == {"a", "b"}
        assert (await client["a"].statistics()).incarnation == 1
        for name in ("a", "b"):
            await asyncio.to_thread(node.logged, "info", name, ["hello", 1])
        monitor = await client["a"].monitor()
        with pytest.raises(otpy.CallTimeout):
            await monitor.wait(timeout=0.01)
        node.kill("a")
        for _ in range(2):
            assert await monitor.wait(timeout=None) == otpy.Down(0, "a", 1, "killed")
        nobody = await client["nobody"].monitor()
        assert await nobody.wait() == otpy.Down(0, "nobody", 0, "noproc")

    on_a_loop(node, ask)


def test_system_messages_and_a_trace(nodes: Nodes) -> None:
    node = nodes.run("""
        name: stateful
        children:
          - {id: a, start: "tests.support.stateful:Keeper", args: [WORK/log]}
        """)

    async def ask(client: aio.Node) -> None:
        a = client["a"]
        assert (await a.get_state())["count"] == 0
        assert (await a.replace_state({"count": 5}))["count"] == 5
        with pytest.raises(otpy.Refused):
            await a.replace_state({"nonsense": 5})
        assert await a.call("increment", timeout=None) == 6  # from here on there is a link
        await a.suspend()
        with pytest.raises(otpy.CallTimeout):
            await a.call("increment", timeout=0.01)
        await a.resume()
        assert await a.call("increment", timeout=None) == 8  # after the one that was late
        async with await a.trace() as trace:
            assert await a.call("increment", timeout=None) == 9
            kinds = [(await anext(trace)).kind for _ in range(2)]
            assert kinds == ["call", "reply"]
            waiting = asyncio.create_task(next_of(trace))
            await asyncio.sleep(0)
        assert await waiting == "the end"
        ending = await a.trace()
        node.kill("a")
        assert [event async for event in ending] == []

    on_a_loop(node, ask)


async def next_of(trace: Any) -> Any:
    try:
        return await anext(trace)
    except StopAsyncIteration:
        return "the end"


def test_children_are_added_and_events_followed_until_the_end(nodes: Nodes) -> None:
    node = nodes.run(TREE)

    async def follow(client: aio.Node) -> None:
        async with client.events(follow=True) as events:
            spec = {"id": "b", "start": "tests.support.workers:Remote", "args": [f"{nodes.work}/b"]}
            assert (await client.supervisor().start_child(spec)).id == "b"
            await client.supervisor().terminate_child("b")
            await client.supervisor().delete_child("b")
            stopping = asyncio.create_task(client.shutdown())
            kinds = [type(event) async for event in events if event.path == "b"]
        await stopping
        assert kinds.index(ChildStarted) < kinds.index(ChildEnded)

    on_a_loop(node, follow)
    assert node.wait() == 0
