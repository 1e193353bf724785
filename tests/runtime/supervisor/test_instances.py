"""A child in several instances: a key finds its own, and without one nobody waits in vain."""

import os
from collections import Counter

import pytest

import otpy
from otpy import CallTimeout, NoProcess, NotSendable
from otpy.events import ChildEnded, ChildStarted, GaveUp
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

POOL = """
    name: pools
    max_restarts: 20
    children:
      - id: pool
        start: "tests.support.workers:Remote"
        args: [WORK/log]
        instances: 3
        max_restarts: 20
        shutdown: 1s
      - {id: alone, start: "tests.support.workers:Remote", args: [WORK/log]}
    """


def number(node: NodeUnderTest, name: str = "pool", *, key: object = None) -> list[object]:
    answer = node.client[name].call("number", key=key, timeout=DEADLINE_S)
    assert isinstance(answer, list)
    return answer


def test_each_knows_its_number_and_the_tree_shows_them(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    for i in range(3):
        assert number(node, f"pool/{i}") == [i, f"pool/{i}", 1]
    assert number(node, "alone") == [None, "alone", 1]
    pool = node.client.tree().find("pool")
    assert pool is not None
    assert [(each.path, each.state) for each in pool] == [
        ("pool", "running"),
        *((f"pool/{i}", "running") for i in range(3)),
    ]
    assert node.client["pool"].pid == node.pids()["pool"]
    spec = node.client.supervisor().get_childspec("pool")
    assert (spec["instances"], spec["start"]) == (3, "tests.support.workers:Remote")


def test_the_spec_of_the_tree_says_which_of_them_were_deleted(nodes: Nodes) -> None:
    """11.1: a reload adds them again, and so the plan has to say it."""
    node = nodes.run(POOL)
    assert node.client.spec().deleted == ()
    node.client.supervisor("pool").terminate_child("1")
    node.client.supervisor("pool").delete_child("1")
    found = node.client.spec()
    assert found.deleted == ("pool/1",)
    assert found.fields["children"][0]["instances"] == 3


def test_a_key_finds_the_same_instance_in_every_client(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    keys = [0, 1, 5, -1, "ann", "bob", "eve", ["a", 1], {"x": 1}, 2.5, True]
    first = [number(node, key=key)[0] for key in keys]
    assert first[:4] == [0, 1, 2, 1]
    assert set(first) == {0, 1, 2}
    node.disconnect()
    assert [number(node, key=key)[0] for key in keys] == first
    pool = node.client["pool"]
    pending = [pool.send_request("number", key=key) for key in keys]
    assert [each.result(timeout=DEADLINE_S)[0] for each in pending] == first
    for i, key in enumerate(keys):
        pool.cast("note_number", f"cast {i}", key=key)
    for i, instance in enumerate(first):
        node.logged(f"cast {i}", instance)


def test_each_instance_is_killed_and_keeps_its_keys(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    keys = {i: f"key {n}" for n in range(20) for i in [number(node, key=f"key {n}")[0]]}
    assert set(keys) == {0, 1, 2}
    for i, key in keys.items():
        node.kill(f"pool/{i}")
        assert number(node, key=key) == [i, f"pool/{i}", 2]
    node.recover("pool")
    assert {i: number(node, key=key)[0] for i, key in keys.items()} == {0: 0, 1: 1, 2: 2}


def test_without_a_key_all_have_their_turn(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    rounds = (Counter(number(node)[0] for _ in range(30)) for _ in range(100))
    # One that was busy when their loads were told is passed over for a while.
    assert any(set(turns) == {0, 1, 2} and max(turns.values()) < 20 for turns in rounds)
    node.client["pool"].cast("note_number", "somebody")
    node.until(lambda: any(entry[0] == "somebody" for entry in node.log()), "the cast")


def test_without_a_key_the_busy_one_is_spared(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    pool = node.client["pool"]
    stuck = pool.send_request("hang", key=1)
    node.logged("hangs", "pool/1")
    assert {number(node)[0] for _ in range(20)} == {0, 2}
    with pytest.raises(CallTimeout):
        pool.call("number", key=1, timeout=0.05)
    assert not stuck.done()


def test_nor_does_another_client_choose_it(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    with otpy.connect(node.name) as other:
        assert {other["pool"].call("number", timeout=DEADLINE_S)[0] for _ in range(20)} == {0, 1, 2}
        stuck = node.client["pool"].send_request("hang", key=1)
        node.logged("hangs", "pool/1")
        with otpy.connect(node.name) as new:
            chosen = {new["pool"].call("number", timeout=DEADLINE_S)[0] for _ in range(20)}
        assert chosen == {0, 2}
        assert not stuck.done()


def test_without_a_key_nobody_waits_for_one_that_is_down(nodes: Nodes) -> None:
    node = nodes.run("""
        name: pools
        children:
          - id: pool
            start: "tests.support.workers:Remote"
            args: [WORK/log, [ok, ok, fifo]]
            instances: 2
            max_restarts: 20
        """)
    # Each instance counts its own starts: the third one of instance 0 waits.
    os.mkfifo(nodes.work / "log.fifo")
    assert number(node, key=0)[0] == 0
    node.recover("pool/0")
    node.kill("pool/0")
    node.logged("init", "pool/0", 3, "fifo")
    assert {number(node)[0] for _ in range(6)} == {1}
    waiting = node.client["pool"].send_request("number", key=1, timeout=DEADLINE_S)
    assert waiting.result(timeout=DEADLINE_S)[0] == 1
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert number(node, key=0) == [0, "pool/0", 3]


def test_one_that_was_stopped_for_good_is_only_missed_by_its_keys(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    node.client.supervisor("pool").terminate_child("1")
    assert {str(number(node)[0]) for _ in range(6)} == {"0", "2"}
    with pytest.raises(NoProcess):
        number(node, key=1)
    node.client.supervisor("pool").restart_child("1")
    assert number(node, key=1) == [1, "pool/1", 2]


def test_too_many_restarts_of_the_instances_end_their_supervisor(nodes: Nodes) -> None:
    node = nodes.run("""
        name: pools
        children:
          - {id: pool, start: "tests.support.workers:Remote", args: [WORK/log],
             instances: 2, max_restarts: 0}
        """)
    node.kill("pool/1")
    assert node.next(GaveUp).path == "pool"
    node.next(ChildEnded, path="pool")
    node.next(ChildStarted, path="pool")
    assert number(node, key=1) == [1, "pool/1", 2]


def test_another_number_of_instances_is_noticed(nodes: Nodes) -> None:
    node = nodes.run("{name: pools, strategy: dynamic}")
    root = node.client.supervisor()
    spec = {"id": "pool", "start": "tests.support.workers:Remote", "args": [f"{nodes.work}/log"]}
    root.start_child({**spec, "instances": 2})
    assert [number(node, key=key)[0] for key in range(6)] == [0, 1, 0, 1, 0, 1]
    root.terminate_child("pool")
    with pytest.raises(NoProcess):
        number(node, key=1)
    root.start_child({**spec, "instances": 3})
    assert [number(node, key=key)[0] for key in range(6)] == [0, 1, 2, 0, 1, 2]
    root.terminate_child("pool")
    root.start_child(spec)
    assert number(node, key=2)[:2] == [None, "pool"]
    root.terminate_child("pool")
    root.start_child({**spec, "instances": 1})
    assert number(node, key=2)[:2] == [0, "pool/0"]


def test_a_key_that_cannot_be_one(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    pool = node.client["pool"]
    for send in (pool.call, pool.cast, pool.send_request):
        with pytest.raises(NotSendable):
            send("number", key=object())
    assert number(node, "alone", key="whatever") == [None, "alone", 1]


def asked_by(node: NodeUnderTest, path: str) -> set[int]:
    """Let a worker ask twenty times; return the numbers of those that answered."""
    return {node.call(path, "ask", "pool")[0] for _ in range(20)}


def test_workers_find_the_same_instance_as_clients(nodes: Nodes) -> None:
    node = nodes.run("""
        name: pools
        children:
          - {id: pool, start: "tests.support.pool_workers:Sibling", args: [WORK/log],
             instances: 3}
          - {id: asker, start: "tests.support.pool_workers:Sibling", args: [WORK/log]}
        """)
    for key in (0, 4, "ann", "eve", [1, {"a": 2}]):
        there = number(node, key=key)
        assert node.call("asker", "ask", "pool", key) == there
        assert node.call("asker", "ask_later", "pool", key) == there
        assert node.call("asker", "ask_echo", "pool", "text", key) == ["text", there[0]]
        node.call("asker", "tell", "pool", f"told {key}", key)
        node.logged(f"told {key}", there[0])
    # One that was busy when their loads were told is passed over for a while: asked again, then.
    assert any(asked_by(node, "asker") == {0, 1, 2} for _ in range(100))
    # One of them asks its siblings; it cannot answer itself, but cast to itself.
    assert any(asked_by(node, "pool/1") == {0, 2} for _ in range(100))
    assert node.call("pool/1", "ask", "pool", 1) == "calling itself"
    node.call("pool/1", "tell", "pool", "to myself", 1)
    node.logged("to myself", 1)
