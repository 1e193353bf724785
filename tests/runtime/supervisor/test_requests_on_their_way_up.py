"""What is on its way up when the supervisor above ends is answered at once (6.3)."""

import signal

import pytest

from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes
from tests.support.upward_workers import ASKED

TREE = """
name: app
children:
  - {id: other, start: "otpy.examples.counter:Counter"}
  - {id: tasks, strategy: dynamic}
  - id: outer
    children:
      - id: inner
        children:
          - {id: asker, start: "tests.support.upward_workers:Upward", args: [WORK/log]}
          - {id: waiter, start: "tests.support.upward_workers:AsyncUpward", args: [WORK/log]}
"""
ASKERS = ("outer/inner/asker", "outer/inner/waiter")


@pytest.mark.parametrize("killed", ["", "outer"])
def test_nobody_waits_for_an_answer_that_cannot_come(nodes: Nodes, killed: str) -> None:
    node = nodes.run(TREE)
    for asker in ASKERS:
        node.client[asker].cast("connect")
        node.logged("connected", asker)
    node.send(signal.SIGSTOP)  # whatever is asked from now on stays on its way
    for asker in ASKERS:
        node.client[asker].cast("ask")
        node.logged("asking", asker)
    node.kill(killed)
    for asker in ASKERS:
        node.logged("done", asker)
    node.send(signal.SIGCONT)
    told = {(asker, what): error for asker, what, error in node.log("answers")}
    assert told.keys() == {(asker, what) for asker in ASKERS for what in ASKED}
    # A cast to nobody is no error; and the root opens links to its own children without the node.
    told = {key: error for key, error in told.items() if key[1] not in ("call", "cast")}
    assert set(told.values()) <= {"NoProcess", "ProcessDown"}, told
    node.next(ChildEnded, path=killed)
    node.next(ChildStarted, path=killed)
