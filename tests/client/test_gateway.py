# Generated from tests/aio/test_gateway.py by scripts/generate_blocking.py; do not edit.

"""The gateway may be killed and come back, and the node may go."""

from pathlib import Path

import pytest

from otpy import Node, connect
from otpy.errors import (
    CallTimeout,
    NodeNotFound,
    OtpyError,
    ProcessDown,
    ProtocolError,
    SupervisorError,
)
from tests.client.fake_node import FakeNode
from tests.client.in_threads import Background, arrived, wait_for_kept


def test_links_go_on_without_the_gateway(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    counter.call("increment", 1)
    fake.kill_gateway()
    assert counter.call("increment", 1) == 2
    fake.start_gateway()
    assert counter.incarnation == 1


def test_a_question_waits_for_the_next_gateway(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    fake.kill_gateway()
    tree = Background(node.tree)
    call = Background(lambda: node["counter"].call("get"))
    call.begun()
    fake.start_gateway()
    assert tree.result().path == ""
    assert call.result() == 0


def test_a_question_that_a_killed_gateway_had_is_asked_again(fake: FakeNode, node: Node) -> None:
    held = fake.hold("tree")
    tree = Background(node.tree)
    arrived(held)
    fake.kill_gateway()
    fake.start_gateway()
    assert tree.result().path == ""
    assert fake.times_asked("tree") == 2


def test_an_order_that_a_killed_gateway_had_is_not_given_again(fake: FakeNode, node: Node) -> None:
    held = fake.hold("supervisor")
    order = Background(lambda: node.supervisor().start_child({"id": "w"}))
    arrived(held)
    fake.kill_gateway()
    fake.start_gateway()
    outcome = order.result()
    assert isinstance(outcome, ProcessDown)
    assert outcome.reason == "gateway: killed"
    assert fake.times_asked("supervisor") == 1


def test_an_order_that_was_not_given_yet_waits_for_the_next_gateway(
    fake: FakeNode, node: Node
) -> None:
    fake.kill_gateway()
    order = Background(lambda: node.supervisor().start_child({"id": "w"}))
    order.begun()
    fake.start_gateway()
    outcome = order.result()
    # It may have been written before the client saw that the gateway was gone.
    assert outcome.id == "w" if not isinstance(outcome, OtpyError) else outcome.args


def test_a_node_of_another_version_is_named(fake: FakeNode) -> None:
    fake.version = 1
    with pytest.raises(ProtocolError, match=r"speaks version 1 .*, this client version 2; both"):
        connect("fake")


def test_a_question_has_a_timeout(fake: FakeNode, node: Node) -> None:
    fake.kill_gateway()
    with pytest.raises(CallTimeout, match=r"node 'fake' did not answer within 0.05 s"):
        node.tree(timeout=0.05)
    fake.start_gateway()
    assert node.tree().path == ""


def test_a_question_that_nobody_waits_for_is_forgotten(fake: FakeNode, node: Node) -> None:
    """6.5: a gateway that never heard of it would keep it as long as the process lives."""
    held = fake.hold("tree")
    with pytest.raises(CallTimeout):
        node.tree(timeout=0.02)
    held.may_go.set()
    del fake.held["tree"]
    assert node.tree().path == ""
    assert fake.times_asked("forget") == 1


def test_descriptors_that_come_too_late_are_closed(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    held = fake.hold("connect")
    for _ in range(3):
        with pytest.raises(CallTimeout):
            node["counter"].call("get", timeout=0.02)
    held.may_go.set()
    del fake.held["connect"]
    assert node["counter"].call("get") == 0
    assert node.tree().path == ""  # the late answers came before this one


def test_a_node_that_is_gone(otpy_dir: Path) -> None:
    fake = FakeNode()
    fake.add("counter")
    with connect() as node:
        counter = node["counter"]
        call = Background(lambda: counter.call("keep", timeout=None))
        wait_for_kept(counter, 1)
        fake.close()
        outcome = call.result()
        assert isinstance(outcome, ProcessDown)
        assert outcome.reason == "killed"
        with pytest.raises(NodeNotFound, match=r"node 'fake' is not running; start it with"):
            counter.call("get")
        counter.cast("get")
        with pytest.raises(NodeNotFound):
            node.tree()
        with pytest.raises(NodeNotFound):
            node.supervisor().start_child({"id": "w"})
        with pytest.raises(NodeNotFound):
            next(node.events())


def test_shutdown_waits_until_the_node_is_gone(fake: FakeNode, node: Node) -> None:
    node.shutdown()
    assert fake._body.poll() is not None


def test_shutdown_has_a_timeout(fake: FakeNode, node: Node) -> None:
    fake.hold("shutdown")
    with pytest.raises(CallTimeout, match=r"node 'fake' did not end within 0.02 s"):
        node.shutdown(timeout=0.02)


def test_a_signal_reaches_the_process(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    node.signal("counter", 9)
    assert worker.wait(lambda: worker.incarnation == 2)


def test_the_supervisor_api(fake: FakeNode, node: Node) -> None:
    pool = node.supervisor("pool")
    assert repr(pool) == "<SupervisorRef pool of fake>"
    assert [(child.id, child.state, child.pid) for child in pool.which_children()] == [
        ("w", "running", 7),
        ("v", "undefined", None),
    ]
    counts = pool.count_children()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (3, 2, 1, 2)
    assert pool.start_child({"id": "w3", "start": "m:f"}).id == "w3"
    pool.terminate_child("w3")
    with pytest.raises(SupervisorError) as caught:
        pool.restart_child("w3")
    assert caught.value.reason == "running"
    pool.delete_child("w3")
    assert pool.get_childspec("w3") == {"id": "w3", "start": "m:f"}
    assert fake.asked[-1] == (
        "supervisor",
        {"path": "pool", "op": "get_childspec", "child": "w3"},
    )


def test_the_tree_is_drawn_and_walked(fake: FakeNode, node: Node) -> None:
    for path in ("pool/w1", "pool/w2", "counter"):
        fake.add(path)
    tree = node.tree()
    assert [process.path for process in tree] == ["", "pool", "pool/w1", "pool/w2", "counter"]
    assert [child.id for child in tree.children] == ["pool", "counter"]
    found = tree.find("w2")
    assert found is not None
    assert found.path == "pool/w2"
    assert tree.find("nobody") is None
    pids = [fake.workers[path].pid for path in ("pool/w1", "pool/w2", "counter")]
    assert str(tree) == (
        "root: running pid 1\n"
        "├─ pool: running pid 1\n"
        f"│  ├─ w1: running pid {pids[0]}\n"
        f"│  └─ w2: running pid {pids[1]}\n"
        f"└─ counter: running pid {pids[2]}"
    )
    assert node["w1"].info().path == "pool/w1"
