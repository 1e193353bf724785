"""Who is up is reached while the tree boots (4.20), and while it stops (4.19)."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import otpy
from tests.support.node import Nodes, NodeUnderTest
from tests.support.parting_workers import DONE

COUNTER = 'start: "tests.support.workers:Remote", args: [WORK/counters]'

BOOTS = f"""
name: app
children:
  - {{id: fast, {COUNTER}}}
  - id: pool
    children:
      - {{id: first, {COUNTER}}}
      - {{id: gate, start: "tests.support.workers:Remote", args: [WORK/log, [fifo]]}}
      - {{id: later, {COUNTER}, name: main}}
      - {{id: many, {COUNTER}, instances: 2}}
      - id: deep
        children:
          - {{id: last, {COUNTER}}}
"""

STOPS = f"""
name: app
children:
  - id: db
    children:
      - {{id: store, {COUNTER}}}
      - {{id: other, {COUNTER}}}
      - {{id: many, {COUNTER}, instances: 2}}
  - {{id: tasks, strategy: dynamic}}
  - id: api
    children:
      - {{id: helper, {COUNTER}}}
      - {{id: cart, start: "tests.support.parting_workers:Parting", args: [WORK/log],
         shutdown: 60s}}
      - {{id: late, {COUNTER}}}
  - {{id: tail, {COUNTER}}}
"""


@pytest.fixture
def booting(nodes: Nodes) -> NodeUnderTest:
    """Start a tree that boots no further than its gate."""
    os.mkfifo(nodes.work / "log.fifo")
    node = nodes.start(nodes.write(BOOTS))
    node.logged("init", "pool/gate", 1, "fifo")
    return node


def open_gate(node: NodeUnderTest) -> None:
    (node.work / "log.fifo").write_bytes(b"go on")


def test_while_the_tree_boots_who_is_up_answers_and_who_is_not_is_waited_for(
    booting: NodeUnderTest,
) -> None:
    client = booting.client
    assert booting.call("fast", "increment") == 1
    assert booting.call("pool/first", "increment") == 1
    client["first"].cast("increment_later")
    assert booting.call("first", "get_count") == 2
    assert client["first"].get_state(timeout=30)["count"] == 2
    names = ("later", "main", "many", "pool/many/1", "last", "pool/deep/last")
    with ThreadPoolExecutor(len(names)) as threads:
        waiting = [threads.submit(booting.call, name, "increment") for name in names]
        assert booting.call("fast", "increment") == 2
        assert not any(each.done() for each in waiting)
        open_gate(booting)
        booting.up()
        assert sorted(each.result() for each in waiting[:2]) == [1, 2]
        assert sorted(each.result() for each in waiting[-2:]) == [1, 2]
    assert client["last"].call("get_count") == 2


def test_a_call_one_instant_after_the_start_waits_for_the_tree(nodes: Nodes) -> None:
    node = nodes.start(nodes.write(BOOTS.replace("[fifo]", "[]")))
    node.until(lambda: _connected(node), "the gateway's socket")
    assert node.call("last", "increment") == 1
    node.up()


def _connected(node: NodeUnderTest) -> bool:
    try:
        return node.client is not None
    except otpy.NodeNotFound:
        return False


def test_what_is_misspelled_is_told_at_once_while_the_tree_boots(booting: NodeUnderTest) -> None:
    with pytest.raises(otpy.NoProcess, match="no process is named 'misspelled'"):
        booting.call("misspelled", "get_count")
    open_gate(booting)
    booting.up()


def test_a_boot_that_fails_leaves_nobody_waiting(booting: NodeUnderTest) -> None:
    assert booting.client is not None  # made here, not by two threads at once
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(booting.call, "last", "increment")
        assert booting.call("fast", "increment") == 1
        booting.kill("pool")
        with pytest.raises((otpy.NoProcess, otpy.NodeNotFound, otpy.ProcessDown)):
            waiting.result()
    assert booting.wait() == 1


def test_while_the_tree_stops_who_still_runs_is_reached_and_who_does_not_is_gone(
    nodes: Nodes,
) -> None:
    node = nodes.run(STOPS)
    os.mkfifo(nodes.work / "log.fifo")
    client = node.client
    node.send(signal.SIGTERM)
    node.logged("done")
    told = dict(node.log()[:-1])
    assert told.keys() == DONE.keys()
    assert told == {
        "first call": 1,
        "call of a sibling": 1,
        "cast": None,
        "call behind the cast": 1,
        "call of what has stopped": "NoProcess",
        "call of what has stopped beside it": "NoProcess",
        "where one is that runs": True,
        "where one is that has stopped": None,
        "state": 1,
        "instance": 0,
        "pool": None,
        "task": 2,
    }
    check_from_outside(client)
    open_gate(node)
    assert node.wait() == 0


def check_from_outside(client: otpy.Node) -> None:
    """A client meets them for the first time."""
    assert client["store"].call("increment", timeout=30) == 2
    client["helper"].cast("increment_later")
    assert client["helper"].call("get_count", timeout=30) == 2
    counts: list[Any] = [client[f"many/{n}"].call("get_count", timeout=30) for n in (0, 1)]
    assert sorted(counts) == [0, 1], "the cast to the pool arrived"
    for gone in ("tail", "late"):
        with pytest.raises(otpy.NoProcess):
            client[gone].call("get_count", timeout=30)
        with pytest.raises(otpy.NoProcess):
            client[gone].pid  # noqa: B018
        client[gone].cast("increment_later")
