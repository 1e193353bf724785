"""`socket.setdefaulttimeout` is for sockets of the user's own (6.8)."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

import otpy
import otpy.aio
from otpy.events import ChildEnded, ChildStarted, NodeStarted
from tests.support.node import Nodes
from tests.support.processes import DEADLINE_S

TREE = """
name: timeouts
max_restarts: 100
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: b, start: "tests.support.timeout_workers:Patient", args: [WORK/log], restart: temporary}
"""


@pytest.fixture
def no_time_at_all() -> Iterator[None]:
    socket.setdefaulttimeout(1e-9)
    yield
    socket.setdefaulttimeout(None)


def test_a_client_waits_as_long_as_it_is_told_to(nodes: Nodes, no_time_at_all: None) -> None:
    node = nodes.run(TREE)
    with otpy.connect(node.name, timeout=DEADLINE_S) as client:
        assert client["a"].call("identity", timeout=DEADLINE_S)[1] == 1
        with client.events(follow=True) as events:
            while not isinstance(next(events), NodeStarted):
                pass
            subscription = events._sock
            node.kill("a")
            while not isinstance(next(events), ChildStarted):
                pass
            assert events._sock is subscription
        assert client["a"].call("identity", timeout=DEADLINE_S)[1] == 2


def test_so_does_one_on_an_event_loop(nodes: Nodes, no_time_at_all: None) -> None:
    node = nodes.run(TREE)

    async def talk() -> None:
        async with otpy.aio.connect(node.name, timeout=DEADLINE_S) as client:
            await client["a"].call("identity", timeout=DEADLINE_S)
            events = client.events(follow=True)
            while not isinstance(await anext(events), NodeStarted):
                pass
            subscription = events._sock
            node.kill("a")
            while not isinstance(await anext(events), ChildStarted):
                pass
            assert events._sock is subscription
            await events.aclose()

    asyncio.run(talk())


def test_a_worker_is_not_held_up_by_its_own_default(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    pid, _ = node.call("b", "identity")
    for _ in range(3):  # by way of the tree, and then by the gateway's own way
        with otpy.connect(node.name, timeout=DEADLINE_S) as client:
            assert client["b"].call("identity", timeout=DEADLINE_S)[0] == pid
    node.client["b"].stop(timeout=DEADLINE_S)
    assert node.next(ChildEnded, path="b").reason == "normal"
