"""Plain functions as workers."""

import math

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted
from tests.runtime.test_calls import ask
from tests.support.node import Nodes

TREE = """
name: functions
children:
  - {id: a, start: "tests.support.workers:answers", args: [WORK/log], restart: transient}
"""


def test_a_function_answers_what_it_receives(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    assert node.call("a", "hello", 5) == ["answer to", ("hello", 5)]
    node.client["a"].cast("note", [1, {"two": 2.5}])
    node.logged("received", ["note", [1, {"two": 2.5}]])


def test_a_function_may_wait_for_a_while(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    assert node.call("a", "wait", 0.01) == "no message within 0.01 s"
    asked = ask(node, "a", "wait", 3600.0)
    node.client["a"].cast("here")
    assert asked.result() == "here"


def test_a_function_that_returns_is_done(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.client["a"].cast("end")
    assert node.next(ChildEnded, path="a").reason == "normal"
    with pytest.raises(otpy.NoProcess):
        node.call("a", "hello")


def test_who_was_left_unanswered_hears_of_the_end(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    asked = ask(node, "a", "never")
    node.logged("left unanswered")
    node.client["a"].cast("end")
    error = asked.result()
    assert isinstance(error, otpy.ProcessDown)
    assert error.reason == "normal"


def test_a_function_that_raises_comes_back(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    with pytest.raises(otpy.ProcessDown) as caught:
        node.call("a", "wait", math.nan)
    assert caught.value.reason.startswith("error: ValueError: ")
    assert node.next(ChildStarted, path="a", incarnation=2)
    assert node.call("a", "hello") == ["answer to", "hello"]


def test_a_function_is_stopped_by_sigterm_even_while_it_computes(nodes: Nodes) -> None:
    node = nodes.run("""
        name: computing
        children:
          - {id: a, start: "tests.support.workers:computes", shutdown: infinity}
        """)
    assert node.stop() == 0
    assert node.seen(ChildEnded, path="a")[0].reason == "shutdown"


def test_calls_queue_up_for_a_function_that_is_busy(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    asked = [ask(node, "a", "hello", n) for n in range(20)]
    assert sorted(each.result()[1][1] for each in asked) == list(range(20))
