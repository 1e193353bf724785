"""What one client does is no other client's loss (6.8)."""

import os
import signal
import time

import pytest

import otpy
from otpy.wire.codec import pack
from otpy.wire.frames import frame
from tests.support.node import Nodes, NodeUnderTest
from tests.support.raw import RawClient

TREE = """
name: app
children:
  - {id: fast, start: "otpy.examples.counter:Counter"}
  - {id: slow, start: "tests.support.workers:Remote", args: [WORK/log, [ok, fifo]]}
"""

FLOOD = 10_000
"""Requests: more than any supervisor lets wait."""


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    """Run a tree one of whose workers is down until its fifo is written to."""
    os.mkfifo(nodes.work / "log.fifo")
    node = nodes.run(TREE)
    node.kill("slow")
    node.logged("init", "slow", 2, "fifo")
    return node


def flood(client: RawClient, operation: str, arguments: dict[str, object]) -> None:
    """Send as many requests as the gateway takes, and read no answer."""
    client.hello()
    client.socket.setblocking(False)
    data = b"".join(frame(pack([n, operation, arguments])) for n in range(2, FLOOD))
    while data:
        try:
            data = data[client.socket.send(data) :]
        except BlockingIOError:
            break
    client.socket.setblocking(True)


def up(node: NodeUnderTest) -> None:
    (node.work / "log.fifo").write_bytes(b"go on")


def test_a_flood_of_requests_that_have_to_wait_leaves_room_for_others(node: NodeUnderTest) -> None:
    with RawClient(node) as flooding, RawClient(node) as asking, RawClient(node) as other:
        other.hello()
        flood(flooding, "connect", {"name": "slow", "timeout": None})
        flood(asking, "supervisor", {"path": "slow", "op": "which_children"})
        other.send(frame(pack([7, "connect", {"name": "slow", "timeout": 60.0}])))
        assert other.ask("connect", {"name": "fast", "timeout": 60.0}, 8)[0] == 0
        up(node)
        assert other.answer()[:2] == [7, 0]
        assert flooding.answer()[1] == 0
    assert node.call("fast", "increment", 1) == 1


@pytest.mark.parametrize("operation", ["tree", "supervisor"])
def test_while_one_client_floods_another_is_served(node: NodeUnderTest, operation: str) -> None:
    up(node)
    with RawClient(node) as flooding:
        flood(flooding, operation, {"path": "", "op": "which_children"})
        assert node.call("fast", "increment", 1) == 1
        for _ in range(20):
            assert node.client.tree().path == ""
            assert node.client.supervisor().count_children().specs == 2


def first_contact(number: int) -> float:
    """Call for the first time as a client; return how long it took."""
    began = time.monotonic()
    with otpy.connect("app") as other:
        assert other["fast"].call("increment", 1) == number
    return time.monotonic() - began


def test_followers_that_do_not_read_delay_nobodys_first_contact(node: NodeUnderTest) -> None:
    deaf = [RawClient(node) for _ in range(60)]
    for client in deaf:
        client.hello()
        client.send(frame(pack([2, "events", {"follow": True}])))
    up(node)
    pool = node.client.supervisor()
    for number in range(20):  # each is some events
        pool.start_child({"id": f"c{number}", "command": ["sleep", "1000"], "restart": "temporary"})
        pool.terminate_child(f"c{number}")
    # A second, or the machine is busy with something else.
    assert any(first_contact(number) < 1.0 for number in range(1, 10))
    for client in deaf:
        client.close()


def test_a_request_in_pieces_right_behind_the_hello_is_read_whole(node: NodeUnderTest) -> None:
    up(node)
    with RawClient(node) as client:
        hello, request = (
            frame(pack([1, "hello", {}])),
            frame(pack([2, "whereis", {"name": "fast"}])),
        )
        client.send(hello + request[:9])
        assert client.answer()[:2] == [1, 0]
        client.send(request[9:])
        assert client.answer()[:2] == [2, 0]


def test_a_gateway_that_was_stopped_serves_what_waited(node: NodeUnderTest) -> None:
    up(node)
    gateway = node.pids()["@gateway"]
    with RawClient(node) as client:
        client.hello()
        os.kill(gateway, signal.SIGSTOP)
        requests = [frame(pack([n, "whereis", {"name": "fast"}])) for n in range(2, 2000)]
        client.send(b"".join(requests))
        os.kill(gateway, signal.SIGCONT)
        assert [client.answer()[0] for _ in range(2, 2000)] == list(range(2, 2000))
