"""What a worker or a program holds of its node: its own pipes (5.6)."""

import signal
from pathlib import Path

from otpy.events import ChildStarted
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import descriptors

TREE = """
name: holds
max_restarts: 100
children:
  - {id: server, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: function, start: "tests.support.workers:waits"}
  - {id: program, command: [sleep, "100000"]}
  - id: nested
    children:
      - {id: program, command: [sh, -c, "flock -u 3; exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-;
          echo closed; exec sleep 100000"]}
"""


def test_workers_and_programs_hold_their_own_pipes_alone(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.call("server", "identity")
    # Whatever handed the link on is done with that: it answers one request after the other.
    node.client.tree()
    for path in ("program", "nested/program"):
        assert set(descriptors(node.pids()[path])) <= {0, 1, 2}
    of_the_node = {what for pid in (node.pid, *_upper(node)) for what in descriptors(pid).values()}
    for path in ("server", "function"):
        held = {what for fd, what in descriptors(node.pids()[path]).items() if fd > 2}
        shared = {what for what in held & of_the_node if not what.startswith("anon_inode:")}
        # The file in memory that they write their stacks to.
        assert all("otpy-stacks" in what for what in shared), shared


def _upper(node: NodeUnderTest) -> list[int]:
    pids = node.pids()
    return [pids[path] for path in ("@gateway", "@logger", "", "nested")]


def test_nothing_that_a_child_does_hides_the_node(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.says("nested/program . closed")
    second = nodes.start(TREE)
    second.complains("already running")
    assert second.wait() == 1

    for path in ("nested", ""):
        node.kill(path)
        node.next(ChildStarted, path=path)
    node.send(signal.SIGKILL)
    nodes.gone()
    assert nodes.run(TREE).call("server", "identity")[1] == 1


def test_the_lock_is_free_when_no_supervisor_is_left(nodes: Nodes) -> None:
    """The node is killed; its supervisors stop in order, and the next run waits for them."""
    node = nodes.run(TREE)
    lock = str(node.folder / "lock")
    holders = {path for path, pid in node.pids().items() if lock in descriptors(pid).values()}
    assert holders == {"@gateway", "@logger", "", "nested"}
    assert lock in descriptors(node.pid).values()
    assert Path(lock).exists()
