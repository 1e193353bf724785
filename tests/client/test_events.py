# Generated from tests/aio/test_events.py by scripts/generate_blocking.py; do not edit.

"""The stream of events."""

import pytest

from otpy import Node
from otpy.errors import ProtocolError
from otpy.events import ChildRemoved, NodeStopped
from tests.client.fake_node import FakeNode, removed
from tests.client.in_threads import Background, collected


def test_events_so_far(fake: FakeNode, node: Node) -> None:
    assert collected(node.events()) == []
    for path in ("a", "b"):
        fake.publish(removed(path, 1.0))
    assert collected(node.events()) == [
        ChildRemoved(at=1.0, path="a"),
        ChildRemoved(at=1.0, path="b"),
    ]


def test_following(fake: FakeNode, node: Node) -> None:
    fake.publish(removed("a", 1.0))
    with node.events(follow=True) as events:
        assert next(events).path == "a"
        waiting = Background(lambda: next(events))
        waiting.begun()
        fake.publish(removed("b", 0.5))  # a clock that was put back
        assert waiting.result().path == "b"
    assert collected(events) == []


def test_closing_ends_the_wait_for_the_next_event(fake: FakeNode, node: Node) -> None:
    fake.publish(removed("a", 1.0))
    events = node.events(follow=True)
    next(events)
    waiting = Background(lambda: collected(events))
    waiting.begun()
    events.close()
    assert waiting.result() == []


def test_closing_the_node_ends_it_too(fake: FakeNode, node: Node) -> None:
    fake.publish(removed("a", 1.0))
    events = node.events(follow=True)
    next(events)
    waiting = Background(lambda: collected(events))
    waiting.begun()
    node.close()
    assert waiting.result() == []


def test_a_killed_gateway_is_not_noticed(fake: FakeNode, node: Node) -> None:
    for path, at in (("a", 1.0), ("b", 2.0), ("c", 2.0)):
        fake.publish(removed(path, at))
    with node.events(follow=True) as events:
        assert [next(events).path for _ in range(2)] == ["a", "b"]
        fake.kill_gateway()
        fake.publish(removed("d", 2.0))
        fake.publish(removed("e", 3.0))
        fake.start_gateway()
        assert [next(events).path for _ in range(3)] == ["c", "d", "e"]


def test_events_end_with_the_node(fake: FakeNode, node: Node) -> None:
    fake.publish({"event": "NodeStopped", "at": 1.0, "path": "", "node": "x", "reason": "normal"})
    events = node.events(follow=True)
    assert isinstance(next(events), NodeStopped)
    fake.kill_gateway()
    assert collected(events) == []
    fake.start_gateway()


def test_an_unknown_event_is_a_protocol_error(fake: FakeNode, node: Node) -> None:
    fake.publish({"event": "Earthquake", "at": 1.0, "path": ""})
    with node.events() as events, pytest.raises(ProtocolError, match="not an event"):
        next(events)


def test_events_of_a_closed_node_say_so(fake: FakeNode, node: Node) -> None:
    assert collected(node.events()) == []
    node.close()
    with pytest.raises(ValueError, match="the connection to node 'fake' is closed"):
        next(node.events())
