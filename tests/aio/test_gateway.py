"""The gateway may be killed and come back, and the node may go."""

from pathlib import Path

import pytest

from otpy.aio import Node, connect
from otpy.errors import (
    CallTimeout,
    NodeNotFound,
    OtpyError,
    ProcessDown,
    ProtocolError,
    SupervisorError,
)
from tests.aio.loops import Background, arrived, on_a_loop, wait_for_kept
from tests.client.fake_node import FakeNode


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
    tree = Background(node.tree)
    call = Background(lambda: node["counter"].call("get"))
    await call.begun()
    fake.start_gateway()
    assert (await tree.result()).path == ""
    assert await call.result() == 0


@on_a_loop
async def test_a_question_that_a_killed_gateway_had_is_asked_again(
    fake: FakeNode, node: Node
) -> None:
    held = fake.hold("tree")
    tree = Background(node.tree)
    await arrived(held)
    fake.kill_gateway()
    fake.start_gateway()
    assert (await tree.result()).path == ""
    assert fake.times_asked("tree") == 2


@on_a_loop
async def test_an_order_that_a_killed_gateway_had_is_not_given_again(
    fake: FakeNode, node: Node
) -> None:
    held = fake.hold("supervisor")
    order = Background(lambda: node.supervisor().start_child({"id": "w"}))
    await arrived(held)
    fake.kill_gateway()
    fake.start_gateway()
    outcome = await order.result()
    assert isinstance(outcome, ProcessDown)
    assert outcome.reason == "gateway: killed"
    assert fake.times_asked("supervisor") == 1


@on_a_loop
async def test_an_order_that_was_not_given_yet_waits_for_the_next_gateway(
    fake: FakeNode, node: Node
) -> None:
    fake.kill_gateway()
    order = Background(lambda: node.supervisor().start_child({"id": "w"}))
    await order.begun()
    fake.start_gateway()
    outcome = await order.result()
    # It may have been written before the client saw that the gateway was gone.
    assert outcome.id == "w" if not isinstance(outcome, OtpyError) else outcome.args


@on_a_loop
async def test_a_node_of_another_version_is_named(fake: FakeNode) -> None:
    fake.version = 1
    with pytest.raises(ProtocolError, match=r"speaks version 1 .*, this client version 2; both"):
        await connect("fake")


@on_a_loop
async def test_a_question_has_a_timeout(fake: FakeNode, node: Node) -> None:
    fake.kill_gateway()
    with pytest.raises(CallTimeout, match=r"node 'fake' did not answer within 0.05 s"):
        await node.tree(timeout=0.05)
    fake.start_gateway()
    assert (await node.tree()).path == ""


@on_a_loop
async def test_a_question_that_nobody_waits_for_is_forgotten(fake: FakeNode, node: Node) -> None:
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
    assert (await node.tree()).path == ""  # the late answers came before this one


@on_a_loop
async def test_a_node_that_is_gone(otpy_dir: Path) -> None:
    fake = FakeNode()
    fake.add("counter")
    async with connect() as node:
        counter = node["counter"]
        call = Background(lambda: counter.call("keep", timeout=None))
        await wait_for_kept(counter, 1)
        fake.close()
        outcome = await call.result()
        assert isinstance(outcome, ProcessDown)
        assert outcome.reason == "killed"
        with pytest.raises(NodeNotFound, match=r"node 'fake' is not running; start it with"):
            await counter.call("get")
        await counter.cast("get")
        with pytest.raises(NodeNotFound):
            await node.tree()
        with pytest.raises(NodeNotFound):
            await node.supervisor().start_child({"id": "w"})
        with pytest.raises(NodeNotFound):
            await anext(node.events())


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
    counts = await pool.count_children()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (3, 2, 1, 2)
    assert (await pool.start_child({"id": "w3", "start": "m:f"})).id == "w3"
    await pool.terminate_child("w3")
    with pytest.raises(SupervisorError) as caught:
        await pool.restart_child("w3")
    assert caught.value.reason == "running"
    await pool.delete_child("w3")
    assert await pool.get_childspec("w3") == {"id": "w3", "start": "m:f"}
    assert fake.asked[-1] == (
        "supervisor",
        {"path": "pool", "op": "get_childspec", "child": "w3"},
    )


@on_a_loop
async def test_the_tree_is_drawn_and_walked(fake: FakeNode, node: Node) -> None:
    for path in ("pool/w1", "pool/w2", "counter"):
        fake.add(path)
    tree = await node.tree()
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
    assert (await node["w1"].info()).path == "pool/w1"
