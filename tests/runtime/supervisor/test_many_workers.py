"""7.1: a supervisor of many workers has a fork server fork them, which anybody may kill."""

import contextlib
import os
import signal

from otpy.events import ChildStarted
from otpy.runtime.supervisor.prefork import MANY
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import await_end, describe, living_below, stat_of

_COUNTER = "otpy.examples.counter:Counter"
_WORKERS = "".join(f"  - {{id: w{n}, start: '{_COUNTER}'}}\n" for n in range(MANY + 1))
TREE = f"name: many\nmax_restarts: 100\nchildren:\n{_WORKERS}"


def others(node: NodeUnderTest) -> list[int]:
    """Return what is below the root and no worker: what was forked ahead, and what forks it."""
    return [pid for pid in living_below(node.pids()[""]) if pid not in node.pids().values()]


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
    assert "otpy: fork server" in describe(others(node))
    for n in range(1, 6):
        for pid in others(node):  # they fork ahead just now, or have
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        recover(node, f"w{n}")
    last = others(node)
    assert last
    node.kill("")
    node.next(ChildStarted, path="")
    assert all(map(await_end, last))
    assert node.call("w64", "increment", 1) == 1
    assert node.stop() == 0
    assert not node.errors


def test_few_workers_have_none(nodes: Nodes) -> None:
    node = nodes.run("name: few\nchildren:\n" + "".join(_WORKERS.splitlines(keepends=True)[:3]))
    node.recover("w0")
    assert len(living_below(node.pids()[""])) == 3
    assert node.stop() == 0
