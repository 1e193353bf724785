"""The stream of events."""

import pytest

from otpy.aio import Node
from otpy.errors import ProtocolError
from otpy.events import ChildRemoved, NodeStopped
from tests.aio.loops import Background, collected, on_a_loop
from tests.client.fake_node import FakeNode, removed


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
        waiting = Background(lambda: anext(events))
        await waiting.begun()
        fake.publish(removed("b", 0.5))  # a clock that was put back
        assert (await waiting.result()).path == "b"
    assert await collected(events) == []


@on_a_loop
async def test_closing_ends_the_wait_for_the_next_event(fake: FakeNode, node: Node) -> None:
    fake.publish(removed("a", 1.0))
    events = node.events(follow=True)
    await anext(events)
    waiting = Background(lambda: collected(events))
    await waiting.begun()
    await events.aclose()
    assert await waiting.result() == []


@on_a_loop
async def test_closing_the_node_ends_it_too(fake: FakeNode, node: Node) -> None:
    fake.publish(removed("a", 1.0))
    events = node.events(follow=True)
    await anext(events)
    waiting = Background(lambda: collected(events))
    await waiting.begun()
    await node.close()
    assert await waiting.result() == []


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


@on_a_loop
async def test_events_of_a_closed_node_say_so(fake: FakeNode, node: Node) -> None:
    assert await collected(node.events()) == []
    await node.close()
    with pytest.raises(ValueError, match="the connection to node 'fake' is closed"):
        await anext(node.events())
