"""The gateway may be killed and come back, and the node may go: as tests/client/test_gateway."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from otpy.aio import EventStream, Node, connect
from otpy.errors import (
    CallTimeout,
    NodeNotFound,
    ProcessDown,
    ProtocolError,
    RuntimeDirError,
    SupervisorError,
)
from otpy.events import ChildRemoved, Event, NodeStopped
from tests.aio.loops import on_a_loop, wait_for_kept
from tests.client.fake_node import WAIT_S, FakeNode, other_program_at
from tests.client.test_events import removed


async def arrived(fake: FakeNode, operation: str) -> None:
    assert await asyncio.to_thread(fake.held[operation].arrived.wait, WAIT_S)


@on_a_loop
async def test_links_go_on_without_the_gateway(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    await counter.call("increment", 1)
    fake.kill_gateway()
    assert await counter.call("increment", 1) == 2
    fake.start_gateway()
    assert await counter.incarnation == 1


@on_a_loop
async def test_a_question_waits_for_the_next_gateway(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    fake.kill_gateway()
    tree = asyncio.create_task(node.tree())
    call = asyncio.create_task(node["counter"].call("get"))
    await asyncio.sleep(0)
    fake.start_gateway()
    assert (await tree).path == ""
    assert await call == 0


@on_a_loop
async def test_a_question_that_a_killed_gateway_had_is_asked_again(
    fake: FakeNode, node: Node
) -> None:
    fake.hold("tree")
    tree = asyncio.create_task(node.tree())
    await arrived(fake, "tree")
    fake.kill_gateway()
    fake.start_gateway()
    assert (await tree).path == ""
    assert fake.times_asked("tree") == 2


@on_a_loop
async def test_an_order_that_a_killed_gateway_had_is_not_given_again(
    fake: FakeNode, node: Node
) -> None:
    fake.hold("supervisor")
    order = asyncio.create_task(node.supervisor().start_child({"id": "w"}))
    await arrived(fake, "supervisor")
    fake.kill_gateway()
    fake.start_gateway()
    with pytest.raises(ProcessDown, match="gateway: killed"):
        await order
    assert fake.times_asked("supervisor") == 1


@on_a_loop
async def test_a_question_has_a_timeout(fake: FakeNode, node: Node) -> None:
    fake.kill_gateway()
    with pytest.raises(CallTimeout, match=r"node 'fake' did not answer within 0.05 s"):
        await node.tree(timeout=0.05)
    fake.start_gateway()
    assert (await node.tree()).path == ""


@on_a_loop
async def test_a_question_that_nobody_awaits_is_forgotten(fake: FakeNode, node: Node) -> None:
    """6.5: a gateway that never heard of it would keep it as long as the process lives."""
    held = fake.hold("tree")
    with pytest.raises(CallTimeout):
        await node.tree(timeout=0.02)
    held.may_go.set()
    del fake.held["tree"]
    assert (await node.tree()).path == ""
    assert fake.times_asked("forget") == 1


@on_a_loop
async def test_descriptors_that_come_too_late_are_closed(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    held = fake.hold("connect")
    for _ in range(3):
        with pytest.raises(CallTimeout):
            await node["counter"].call("get", timeout=0.02)
    held.may_go.set()
    del fake.held["connect"]
    assert await node["counter"].call("get") == 0
    assert (await node.tree()).path == ""


def test_a_node_that_is_gone(otpy_dir: Path) -> None:
    async def goes() -> None:
        fake = FakeNode()
        fake.add("counter")
        async with connect() as node:
            counter = node["counter"]
            call = asyncio.create_task(counter.call("keep", timeout=None))
            await wait_for_kept(counter, 1)
            fake.close()
            with pytest.raises(ProcessDown, match="killed"):
                await call
            with pytest.raises(NodeNotFound, match=r"node 'fake' is not running; start it with"):
                await counter.call("get")
            await counter.cast("get")
            with pytest.raises(NodeNotFound):
                await node.tree()
            with pytest.raises(NodeNotFound):
                await node.supervisor().start_child({"id": "w"})
            with pytest.raises(NodeNotFound):
                await anext(node.events())

    asyncio.run(goes())


@on_a_loop
async def test_shutdown_waits_until_the_node_is_gone(fake: FakeNode, node: Node) -> None:
    await node.shutdown()
    assert fake._body.poll() is not None


@on_a_loop
async def test_shutdown_has_a_timeout(fake: FakeNode, node: Node) -> None:
    fake.hold("shutdown")
    with pytest.raises(CallTimeout, match=r"node 'fake' did not end within 0.02 s"):
        await node.shutdown(timeout=0.02)


@on_a_loop
async def test_a_signal_reaches_the_process(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    await node.signal("counter", 9)
    assert worker.wait(lambda: worker.incarnation == 2)


@on_a_loop
async def test_the_supervisor_api(fake: FakeNode, node: Node) -> None:
    pool = node.supervisor("pool")
    assert repr(pool) == "<SupervisorRef pool of fake>"
    assert [(child.id, child.state, child.pid) for child in await pool.which_children()] == [
        ("w", "running", 7),
        ("v", "undefined", None),
    ]
    assert (await pool.count_children()).specs == 3
    assert (await pool.start_child({"id": "w3", "start": "m:f"})).id == "w3"
    await pool.terminate_child("w3")
    with pytest.raises(SupervisorError) as caught:
        await pool.restart_child("w3")
    assert caught.value.reason == "running"
    await pool.delete_child("w3")
    assert await pool.get_childspec("w3") == {"id": "w3", "start": "m:f"}


@on_a_loop
async def test_the_tree_and_its_rows(fake: FakeNode, node: Node) -> None:
    for path in ("pool/w1", "counter"):
        fake.add(path)
    assert [process.path for process in await node.tree()] == ["", "pool", "pool/w1", "counter"]
    assert (await node["w1"].info()).path == "pool/w1"


# ---- events ------------------------------------------------------------------------------------


async def collected(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


@on_a_loop
async def test_events_so_far(fake: FakeNode, node: Node) -> None:
    assert await collected(node.events()) == []
    for path in ("a", "b"):
        fake.publish(removed(path, 1.0))
    assert await collected(node.events()) == [
        ChildRemoved(at=1.0, path="a"),
        ChildRemoved(at=1.0, path="b"),
    ]


@on_a_loop
async def test_following(fake: FakeNode, node: Node) -> None:
    fake.publish(removed("a", 1.0))
    async with node.events(follow=True) as events:
        assert (await anext(events)).path == "a"
        waiting = asyncio.create_task(next_of(events))
        await asyncio.sleep(0)
        fake.publish(removed("b", 0.5))  # a clock that was put back
        assert (await waiting).path == "b"
    assert await collected(events) == []


async def next_of(events: EventStream) -> Event:
    return await anext(events)


@on_a_loop
async def test_closing_ends_the_wait_for_the_next_event(fake: FakeNode, node: Node) -> None:
    fake.publish(removed("a", 1.0))
    for close in (True, False):
        events = node.events(follow=True)
        await anext(events)
        waiting = asyncio.create_task(collected(events))
        await asyncio.sleep(0)
        await (events.aclose() if close else node.close())
        assert await waiting == []


@on_a_loop
async def test_a_cancelled_wait_loses_no_event(fake: FakeNode, node: Node) -> None:
    events = node.events(follow=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(events)
    fake.publish(removed("a", 1.0))
    assert (await anext(events)).path == "a"
    await events.aclose()


@on_a_loop
async def test_a_killed_gateway_is_not_noticed(fake: FakeNode, node: Node) -> None:
    for path, at in (("a", 1.0), ("b", 2.0), ("c", 2.0)):
        fake.publish(removed(path, at))
    async with node.events(follow=True) as events:
        assert [(await anext(events)).path for _ in range(2)] == ["a", "b"]
        fake.kill_gateway()
        fake.publish(removed("d", 2.0))
        fake.publish(removed("e", 3.0))
        fake.start_gateway()
        assert [(await anext(events)).path for _ in range(3)] == ["c", "d", "e"]


@on_a_loop
async def test_events_end_with_the_node(fake: FakeNode, node: Node) -> None:
    fake.publish({"event": "NodeStopped", "at": 1.0, "path": "", "node": "x", "reason": "normal"})
    events = node.events(follow=True)
    assert isinstance(await anext(events), NodeStopped)
    fake.kill_gateway()
    assert await collected(events) == []
    fake.start_gateway()


@on_a_loop
async def test_an_unknown_event_is_a_protocol_error(fake: FakeNode, node: Node) -> None:
    fake.publish({"event": "Earthquake", "at": 1.0, "path": ""})
    async with node.events() as events:
        with pytest.raises(ProtocolError, match="not an event"):
            await anext(events)


# ---- forks -------------------------------------------------------------------------------------


def open_in_a_child(fds: list[int]) -> int:
    child = os.fork()
    if child == 0:
        os._exit(sum(Path(f"/proc/self/fd/{fd}").exists() for fd in fds))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@on_a_loop
async def test_a_forked_child_holds_nothing_open_and_disturbs_nothing(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    counter = node["counter"]
    await counter.call("increment", 1)
    link, gateway = counter._link, node._gateway._connection
    assert link is not None
    assert gateway is not None
    fds = [link._reader, link._writer, link._pidfd, gateway._reader]
    assert open_in_a_child(fds) == 0
    assert await counter.call("increment", 1) == 2
    assert (await node.tree()).path == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have another user listen")
@on_a_loop
async def test_nothing_is_told_to_another_user(fake: FakeNode, node: Node) -> None:
    """5.2."""
    fake.kill_gateway()
    words = "user 65534 listens there, expected user 0 or root; nothing was sent"
    with other_program_at(fake.dir.control_sock) as other_program:
        for attempt in (node.tree, lambda: connect(fake.name), lambda: anext(node.events())):
            with pytest.raises(RuntimeDirError, match=words):
                await attempt()
            assert other_program.stdout is not None
            assert other_program.stdout.readline() == "is told b''\n"
