"""Calls that are applied once, however often they are sent."""

import asyncio
import os
import signal
import threading
from typing import Any

import pytest

import otpy
import otpy.aio
from otpy import CallTimeout, ProcessDown, Refused
from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes
from tests.support.processes import DEADLINE_S

WORKERS = "tests.support.durable_workers"
TREE = f"""
max_restarts: infinity
children:
  - {{id: c, start: "{WORKERS}:Counter", durable: true}}
  - {{id: a, start: "{WORKERS}:AsyncCounter", durable: true}}
  - {{id: plain, start: "{WORKERS}:Counter"}}
  - {{id: helper, start: "{WORKERS}:Helper"}}
  - {{id: asker, start: "tests.support.durable_workers:Asker"}}
"""


@pytest.mark.parametrize("kind", ["Counter", "AsyncCounter"])
def test_a_call_is_repeated_over_deaths_and_applied_once(nodes: Nodes, kind: str) -> None:
    # Each fifth commit is the last thing that its process does: it has not answered yet.
    fault = "env: {OTPY_DURABLE_FAULT: 'stored=0.2'}"
    child = f"{{id: c, start: '{WORKERS}:{kind}', durable: true, {fault}}}"
    node = nodes.run(f"max_restarts: infinity\nchildren: [{child}]")
    ref = node.client["c"]
    values = [ref.call("increment", 1, once=True, timeout=DEADLINE_S) for _ in range(50)]
    assert values == list(range(1, 51))
    node.next(ChildEnded, path="c")


def test_the_same_request_id_gets_the_same_answer(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    ref = node.client["c"]
    pid = node.pids()["c"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(CallTimeout) as caught:
            ref.call("increment", 5, once=True, timeout=0.1)
    finally:
        os.kill(pid, signal.SIGCONT)
    request_id = caught.value.request_id
    assert request_id is not None
    for _ in range(2):
        assert ref.call("increment", 5, request_id=request_id, timeout=DEADLINE_S) == 5
    node.recover("c")
    assert ref.call("increment", 5, request_id=request_id, timeout=DEADLINE_S) == 5
    assert node.call("c", "get") == 5


def test_a_refusal_is_kept_as_well(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    ref = node.client["c"]
    request_id = "00" * 16 + "-1"
    for _ in range(2):
        with pytest.raises(Refused, match="no"):
            ref.call("refuse", request_id=request_id)
    assert ref.call("get") == 1


def test_one_that_is_under_way_is_not_applied_again(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    ref, request_id = node.client["c"], "00" * 16 + "-1"
    with pytest.raises(CallTimeout):
        ref.call("later", request_id=request_id, timeout=0.05)
    again = threading.Thread(target=ref.call, args=("later",), kwargs={"request_id": request_id})
    again.start()
    ref.call("now", timeout=DEADLINE_S)
    again.join()
    assert ref.call("get") == 1
    assert ref.call("later", request_id=request_id) == 1


def test_an_answer_that_was_owed_by_one_that_ended_is_lost_but_not_applied_again(
    nodes: Nodes,
) -> None:
    node = nodes.run(TREE)
    ref, request_id = node.client["c"], "00" * 16 + "-1"
    while not ref.call("get"):  # its time may be over before it has been sent
        with pytest.raises(CallTimeout):
            ref.call("later", request_id=request_id, timeout=0.05)
    node.recover("c")
    with pytest.raises(Refused, match="was applied, but the process that owed the answer"):
        ref.call("later", request_id=request_id)
    assert ref.call("get") == 1


def test_the_answer_of_another_process_is_kept_as_well(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    ref, request_id = node.client["c"], "00" * 16 + "-1"
    for _ in range(2):
        assert ref.call("by another", request_id=request_id, timeout=DEADLINE_S) == 1
    node.recover("c")
    assert ref.call("by another", request_id=request_id, timeout=DEADLINE_S) == 1
    assert ref.call("get") == 1


def test_a_server_that_turns_out_to_need_a_loop_answers_it_too(nodes: Nodes) -> None:
    node = nodes.run(f"children: [{{id: s, start: '{WORKERS}:Sneaky', durable: true}}]")
    request_id = "00" * 16 + "-1"
    for _ in range(2):
        assert node.client["s"].call("any", request_id=request_id, timeout=DEADLINE_S) == 1
    assert node.call("s", "any") == 2


def test_a_call_that_crashes_its_server_is_repeated_once(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    with pytest.raises(ProcessDown, match="as it was asked to"):
        node.client["c"].call("crash", once=True, timeout=DEADLINE_S)
    node.next(ChildStarted, path="c", incarnation=3)
    assert len(node.seen(ChildEnded, path="c")) == 2
    assert node.call("c", "get") == 0


def test_a_server_that_is_not_durable_says_so(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    with pytest.raises(Refused, match="it is not durable"):
        node.client["plain"].call("increment", once=True)
    assert node.call("plain", "get") == 0


def test_a_worker_and_a_program_with_an_event_loop_have_it_too(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    assert node.call("asker", "ask", "c", 3) == 3
    assert node.call("asker", "ask", "a", 2) == 2

    async def ask() -> int:
        async with otpy.aio.connect(node.name) as there:
            return int(await there["c"].call("increment", 4, once=True))

    assert asyncio.run(ask()) == 7


def test_the_node_may_come_back_meanwhile(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    client = otpy.connect(node.name)
    assert client["c"].call("increment", 1, once=True) == 1
    node.kill("@node")
    node.wait()
    nodes.gone()
    values: list[int] = []
    asking = threading.Thread(
        target=lambda: values.append(
            client["c"].call("increment", 1, once=True, timeout=DEADLINE_S)
        )
    )
    asking.start()
    nodes.run(TREE)
    asking.join()
    client.close()
    assert values == [2]


@pytest.mark.parametrize("request_id", ["", "zz-1", "00-1", 5, "00" * 16 + "-0", "00" * 16])
def test_what_is_no_request_id_is_told(nodes: Nodes, request_id: Any) -> None:
    node = nodes.run(TREE)
    with pytest.raises(ValueError, match="request_id is what an error"):
        node.client["c"].call("get", request_id=request_id)
