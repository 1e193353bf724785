"""Several processes of one supervisor end at the same moment: it hears of all of them at once."""

import os
import signal

import pytest

from otpy.events import ChildStarted
from tests.support.node import Nodes, NodeUnderTest

ROUNDS = 10

SUPERVISORS = """
name: together
max_restarts: 100000
children:
  - {id: bystander, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: s1, max_restarts: 100000, children: [{id: w1, command: [sleep, "99999"]}]}
  - {id: s2, max_restarts: 100000, children: [{id: w2, command: [sleep, "99999"]}]}
  - {id: s3, max_restarts: 100000, children: [{id: w3, command: [sleep, "99999"]}]}
"""

WORKERS = """
name: together
max_restarts: 100000
children:
  - {id: bystander, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: w1, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: w2, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: w3, command: [sleep, "99999"]}
  - {id: s1, max_restarts: 100000, children: [{id: w4, command: [sleep, "99999"]}]}
"""


def kill_at_once(node: NodeUnderTest, supervisor: str, paths: tuple[str, ...]) -> None:
    """Kill processes while their supervisor is stopped, so that it finds all of them dead."""
    above = node.pids()[supervisor]
    os.kill(above, signal.SIGSTOP)
    for path in paths:
        node.kill(path)
    os.kill(above, signal.SIGCONT)


@pytest.mark.parametrize(
    ("tree", "paths"),
    [(SUPERVISORS, ("s1", "s2", "s3")), (WORKERS, ("w1", "w2", "w3", "s1"))],
    ids=["supervisors", "all kinds"],
)
def test_siblings_that_end_at_once_cost_nobody_else(
    nodes: Nodes, tree: str, paths: tuple[str, ...]
) -> None:
    """6.1: a lifeline was closed while it was watched, and its supervisor ended of that."""
    node = nodes.run(tree)
    bystander = node.call("bystander", "identity")
    for _ in range(ROUNDS):
        kill_at_once(node, "", paths)
        node.next_each(ChildStarted, paths)
    assert node.call("bystander", "identity") == bystander
    assert node.incarnations()[""] == 1
    assert node.stop() == 0


def test_the_gateway_and_the_tree_may_end_at_once(nodes: Nodes) -> None:
    node = nodes.run(SUPERVISORS)
    for number in range(2, 5):
        os.kill(node.pid, signal.SIGSTOP)
        node.kill("@gateway")
        node.kill("")
        os.kill(node.pid, signal.SIGCONT)
        node.next_each(ChildStarted, ("@gateway", ""))
        assert node.call("bystander", "identity")[1] == number
