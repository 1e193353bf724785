"""7.1: a supervisor of many workers has a fork server fork them, which anybody may kill."""

import os
import signal

from otpy.events import ChildStarted
from otpy.runtime.supervisor.prefork import MANY
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import await_end, describe, living_below, stat_of

_COUNTER = "otpy.examples.counter:Counter"
_WORKERS = "".join(f"  - {{id: w{n}, start: '{_COUNTER}'}}\n" for n in range(MANY + 1))
TREE = f"name: many\nmax_restarts: 100\nchildren:\n{_WORKERS}"


def fork_servers(node: NodeUnderTest) -> list[int]:
    """Return the pids of the root's."""
    below = living_below(node.pids()[""])
    return [pid for pid in below if "otpy: fork server" in describe([pid])]


def recover(node: NodeUnderTest, path: str) -> None:
    """Kill a worker, and see that another answers: the supervisor's own child."""
    pid = node.recover(path).pid
    stat = stat_of(pid)
    assert stat is not None
    assert int(stat[1]) == node.pids()[""]
    assert node.call(path, "increment", 1) == 1


def test_whatever_is_killed_workers_come_back(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    recover(node, "w0")
    (first,) = fork_servers(node)
    os.kill(first, signal.SIGKILL)
    recover(node, "w2")
    recover(node, "w64")
    (second,) = fork_servers(node)
    assert second != first
    node.kill("")
    node.next(ChildStarted, path="")
    assert await_end(second)
    assert node.call("w64", "increment", 1) == 1
    assert node.stop() == 0


def test_few_workers_have_none(nodes: Nodes) -> None:
    node = nodes.run("name: few\nchildren:\n" + "".join(_WORKERS.splitlines(keepends=True)[:3]))
    node.recover("w0")
    assert len(living_below(node.pids()[""])) == 3
    assert node.stop() == 0
