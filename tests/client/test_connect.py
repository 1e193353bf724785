"""Which node `connect` finds."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from otpy import connect
from otpy.errors import CallTimeout, NodeNotFound
from tests.client.fake_node import FakeNode


def test_the_only_node_needs_no_name(fake: FakeNode) -> None:
    with connect() as node:
        assert node.name == "fake"
        assert node.pid == fake.pid
        assert node.config == "f.yaml"
        assert repr(node) == "<Node fake>"


def test_no_node_at_all(otpy_dir: Path) -> None:
    with pytest.raises(NodeNotFound, match=r"no node runs in .*; start one with `otpy run FILE`"):
        connect()
    with pytest.raises(NodeNotFound, match="node 'shop' is not running; start it"):
        connect("shop")
    assert list(otpy_dir.iterdir()) == []


def test_more_than_one_node_needs_a_name(fake: FakeNode) -> None:
    other = FakeNode("other")
    with pytest.raises(NodeNotFound, match="more than one node runs: fake, other; name the one"):
        connect()
    with connect("other") as node:
        assert node.pid == other.pid
    other.close()


def test_a_node_that_does_not_run_names_those_that_do(fake: FakeNode) -> None:
    with pytest.raises(NodeNotFound, match="node 'shop' is not running; these are: fake"):
        connect("shop")
    for name in ("", "..", "a/b", "a\0b"):
        with pytest.raises(NodeNotFound):
            connect(name)


def test_a_node_that_is_just_starting(fake: FakeNode) -> None:
    fake.dir.control_sock.rename(fake.dir.path / "aside")
    with pytest.raises(NodeNotFound, match=r"node 'fake' is starting or stopping; try again"):
        connect(timeout=0.05)
    with ThreadPoolExecutor(1) as threads:  # 4.20: it is waited for
        waiting = threads.submit(connect)
        (fake.dir.path / "aside").rename(fake.dir.control_sock)
        waiting.result().close()


def test_a_node_that_does_not_answer(fake: FakeNode) -> None:
    fake.kill_gateway()
    with pytest.raises(CallTimeout, match=r"node 'fake' did not answer within 0.05 s"):
        connect(timeout=0.05)


def test_a_node_whose_backlog_is_full(fake: FakeNode) -> None:
    fake.kill_gateway()
    fake._listener.listen(0)
    for _ in range(3):
        with pytest.raises(CallTimeout):
            connect(timeout=0.05)
