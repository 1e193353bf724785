"""Async servers that call other workers without blocking their event loop."""

import pytest

from otpy.events import ChildEnded
from tests.runtime.test_calls import ask
from tests.support.node import Nodes, NodeUnderTest

TREE = """
    name: peers
    max_restarts: 1000
    children:
      - {id: a, start: "tests.support.async_workers:Calling", args: [WORK/log], shutdown: 100ms}
      - {id: patient, start: "tests.support.async_workers:Patient"}
      - {id: b, start: "tests.support.workers:Remote", args: [WORK/log], shutdown: 1s}
    """


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


def test_any_value_passes(node: NodeUnderTest) -> None:
    assert node.call("a", "ask", "patient", "a_set") == [1, 2, 3]
    assert node.call("a", "ask_often", "b", 500) == sum(range(500))
    assert node.call("a", "ask_in_turn", "b") == [1, 2, 3, 4, 5, 6]


def test_tasks_run_while_a_call_is_awaited(node: NodeUnderTest) -> None:
    assert node.call("a", "ask_while_ticking", "patient") is True


def test_a_killed_worker_is_called_again_or_its_death_told(node: NodeUnderTest) -> None:
    for incarnation in (1, 2, 3):
        assert node.call("a", "ask", "b", "identity")[1] == incarnation
        node.kill("b")
    waits = ask(node, "a", "ask_and_tell_error", "b", ["hang"], None)
    node.logged("hangs", "b")
    node.kill("b")
    assert waits.result() == ["ProcessDown", "killed"]
    crash = ["crash", "boom"]
    told = node.call("a", "ask_and_tell_error", "b", crash, None)
    assert told == ["ProcessDown", "error: RuntimeError: boom"]


def test_what_goes_wrong_is_told(node: NodeUnderTest) -> None:
    told = node.call("a", "ask_and_tell_error", "nobody", ["get"], None)
    assert told[0] == "NoProcess"
    told = node.call("a", "ask_and_tell_error", "a", ["get"], None)
    assert told[0] == "CallingSelf"
    told = node.call("a", "ask_and_tell_error", "patient", ["wait", 0.5], 0.05)
    assert told == ["CallTimeout", "'patient' did not answer within 0.05 s"]
    told = node.call("a", "ask_and_tell_error", "patient", ["unknown"], None)
    assert told[0] == "UnknownRequest"
    assert node.call("a", "ask", "patient", "a_set") == [1, 2, 3]


def test_a_cast_to_itself_is_handled_afterwards(node: NodeUnderTest) -> None:
    node.call("a", "cast_to_self")
    node.logged("later")


def test_a_shutdown_while_it_waits_for_another(node: NodeUnderTest) -> None:
    waits = ask(node, "a", "ask_and_tell_error", "b", ["hang"], None)
    node.logged("hangs", "b")
    node.client.supervisor().terminate_child("a")
    assert str(waits.result()) == "killed"
    assert node.next(ChildEnded, path="a").reason == "killed"
