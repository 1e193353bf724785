"""A server that crashes at each message that it gets, again and again (6.9)."""

import pytest

import otpy
from otpy.events import ChildStarted
from tests.support.node import Nodes

TIMES = 25

TREE = """
name: crashing
max_restarts: 100000
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
"""


def test_each_call_finds_the_next_incarnation_and_is_told_of_its_end(nodes: Nodes) -> None:
    # Without a pause: most are sent to a worker that is ending, or to none.
    node = nodes.run(TREE)
    for _ in range(TIMES):
        with pytest.raises(otpy.ProcessDown, match="exit: 3"):
            node.call("a", "exit", 3)
    assert node.call("a", "identity")[1] == TIMES + 1


def test_each_cast_to_an_incarnation_that_is_up_arrives(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    for number in range(2, TIMES + 2):
        node.client["a"].cast("crash_later")
        node.next(ChildStarted, path="a", incarnation=number)
