"""7.1: a supervisor of many workers has a fork server fork them, which anybody may kill."""

import contextlib
import os
import signal
from pathlib import Path

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


def table_size(pid: int) -> int:
    """Return how many descriptors the table has room for that the kernel has made for a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("FDSize:"))


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


def test_the_table_of_descriptors_of_a_worker_is_short(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    sizes = {path: table_size(pid) for path, pid in node.pids().items() if path[:1] == "w"}
    assert len(sizes) == MANY + 1
    assert max(sizes.values()) <= 256
    (server,) = [pid for pid in others(node) if "fork server" in describe([pid])]
    os.kill(server, signal.SIGKILL)  # the next one is forked as its parent has hundreds open
    for n in range(3):
        assert table_size(node.recover(f"w{n}").pid) <= 256


def test_few_workers_have_none(nodes: Nodes) -> None:
    node = nodes.run("name: few\nchildren:\n" + "".join(_WORKERS.splitlines(keepends=True)[:3]))
    node.recover("w0")
    assert len(living_below(node.pids()[""])) == 3
    assert node.stop() == 0
