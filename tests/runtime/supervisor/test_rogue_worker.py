"""5.5: what a worker writes to its supervisor may end that worker, and nothing else."""

from collections.abc import Iterator

import pytest

from otpy.events import ChildEnded, ChildStarted, NameTaken
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: app
max_restarts: 1000
sockets: {web: WORK/web.sock}
children:
  - {id: rogue, start: "tests.support.rogue_workers:Rogue"}
  - {id: good, start: "otpy.examples.counter:Counter"}
  - id: below
    max_restarts: 1000
    children:
      - {id: rogue, start: "tests.support.rogue_workers:Rogue"}
"""


@pytest.fixture
def node(nodes: Nodes) -> Iterator[NodeUnderTest]:
    node = nodes.run(TREE)
    yield node
    ended = {event.path for event in node.seen(ChildEnded, asked=False)}
    assert ended == {"rogue", "below/rogue"}
    assert node.call("good", "increment", 1) == 1
    assert node.stop() == 0


def test_a_worker_that_sends_what_is_no_message_is_ended(node: NodeUnderTest) -> None:
    evil = node.work / "unpickled"
    for path in ("rogue", "below/rogue"):
        for cast in (
            ("send_pickle", str(evil)),
            ("send_events",),
            ("send_garbage", b""),
            ("send_garbage", b"\x92\x00\x91\xa5Ready"),
            ("send_garbage", b"\x92\x00\x93\xa5Ready\x05\x06"),
            ("announce", 1 << 30),
        ):
            node.client[path].cast(*cast)
            end = node.next(ChildEnded, path=path)
            assert end.reason.startswith("error: ProtocolError: "), end.reason
            node.next(ChildStarted, path=path)
            assert node.call(path, "ping") == "pong"
    assert not evil.exists()


def test_a_worker_speaks_for_itself_alone(node: NodeUnderTest) -> None:
    for path in ("rogue", "below/rogue"):
        node.client[path].cast("register_as", "good", 1, "stolen")
        assert "another's name" in node.next(ChildEnded, path=path).reason
        node.next(ChildStarted, path=path)
    assert node.seen(NameTaken) == []


def test_a_worker_gets_no_socket_that_is_not_its_own(node: NodeUnderTest) -> None:
    for path in ("rogue", "below/rogue"):
        node.client[path].cast("take_socket", path, node.incarnations()[path], "web")
        assert "a request for others' sockets" in node.next(ChildEnded, path=path).reason
        node.next(ChildStarted, path=path)
        assert node.call(path, "ping") == "pong"
