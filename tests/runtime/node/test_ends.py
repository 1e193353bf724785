"""How processes ended, as the folder of a node has it: with real processes (10.8)."""

import os
import signal
from collections.abc import Sequence

from otpy.client.ends import end_without_notice, read_ends
from otpy.events import ChildEnded, ChildStarted
from otpy.system.nodedir import NodeDir
from otpy.wire.ends import KEPT, Cause, End
from tests.support.node import Nodes, NodeUnderTest

LOOPER = """
name: ends
max_restarts: infinity
children:
  - {id: quiet, command: [sh, -c, "echo starting; sleep 100000"]}
  - {id: loop, command: [sh, -c, "exit 3"]}
"""

TREE = """
name: ends
auto_shutdown: any_significant
children:
  - id: pool
    max_restarts: 1
    children:
      - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
      - {id: b, command: [sleep, "100000"]}
  - id: top
    significant: true
    restart: temporary
    command: [sleep, "100000"]
"""

FAILS = """
name: ends
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [ok, error, ok]]}
"""


def ends(path: str, node: str = "ends") -> list[End]:
    return read_ends(NodeDir(node).ends, path)


def done(path: str) -> str:
    """Return what was done about the last end, once its node has written it."""
    then = ends(path)[-1].then
    return then.did if then is not None else ""


def wait_for(node: NodeUnderTest, path: str, did: str) -> End:
    """Wait until the store says what was done: it is written before the event."""
    node.next(ChildStarted, path=path)
    assert done(path) == did
    return ends(path)[-1]


def test_a_crash_looper_pushes_out_nothing_and_a_killed_node_loses_nothing(nodes: Nodes) -> None:
    node = nodes.run(LOOPER)
    node.says("quiet.*starting$")
    pid = node.pids()["quiet"]
    os.kill(pid, signal.SIGKILL)
    end = wait_for(node, "quiet", "restarted")
    assert (end.signal, end.pid, end.output, end.incarnation) == ("SIGKILL", pid, "starting\n", 1)
    assert end.then is not None
    assert end.then.incarnation == 2
    assert end.then.after is not None
    node.next(ChildEnded, path="loop", incarnation=10 * KEPT)
    node.send(signal.SIGKILL)
    node.wait()
    nodes.gone()
    directory = NodeDir("ends")
    killed = end_without_notice(directory.read_node_json(), directory.events)
    assert (killed.reason, killed.pid, killed.boot) == ("killed", node.pid, end.boot)

    node = nodes.run(LOOPER)
    assert ends("quiet")[-1] == end
    assert ends("@node") == [killed]
    node.next(ChildEnded, path="loop", incarnation=30)
    assert node.stop() == 0
    loop = ends("loop")
    assert len(loop) == KEPT
    assert {(one.status, one.kind) for one in loop[:-1]} == {(3, "command")}
    assert len({one.boot for one in loop}) == 1
    first, last = ends("quiet")
    assert first == end
    assert (last.asked, last.clean, last.then) == (True, True, None)
    assert last.boot == ends("@node")[-1].boot != end.boot
    assert ends("@node")[-1].reason == "shutdown: SIGTERM received"


def test_what_ends_with_its_supervisor_and_what_makes_one_give_up(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    pids = node.pids()
    os.kill(pids["pool"], signal.SIGKILL)
    node.next(ChildEnded, path="pool")
    wait_for(node, "pool", "restarted")
    for path in ("pool/a", "pool/b"):
        (end,) = ends(path)
        assert (end.with_supervisor, end.pid, end.reason) == ("pool", pids[path], "killed")
        assert end.then is not None
        assert end.then.did == "restarted"
    for _ in range(2):
        os.kill(node.pids()["pool/b"], signal.SIGKILL)
        node.next(ChildStarted, path="pool/b")
    node.next(ChildStarted, path="pool")
    end = ends("pool")[-1]
    assert end.cause == Cause(
        did="gave up",
        child="pool/b",
        reason="killed",
        restarts=2,
        max_restarts=1,
        max_seconds=5.0,
    )
    assert [one.then.did for one in ends("pool/b") if one.then] == ["restarted"] * 2 + ["gave up"]
    (asked,) = [one for one in ends("pool/a") if one.asked]
    assert asked.then is not None
    assert asked.then.did == "restarted"


def test_a_restart_that_fails_is_an_end_of_its_own(nodes: Nodes) -> None:
    node = nodes.run(FAILS)
    os.kill(node.pids()["a"], signal.SIGKILL)
    node.next(ChildStarted, path="a", incarnation=3)
    first, second = ends("a")
    assert [first.was_up, second.was_up] == [True, False]
    assert first.then is not None
    assert (first.then.failed, first.then.incarnation) == (True, 2)
    assert second.then is not None
    assert (second.then.failed, second.then.incarnation) == (False, 3)
    assert "init failed" in second.traceback


def described(found: Sequence[End]) -> list[tuple[str, str]]:
    return [(end.reason, end.then.did if end.then else "") for end in found]


def test_the_end_of_a_node_by_its_tree(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    os.kill(node.pids()["top"], signal.SIGKILL)
    assert node.wait() == 1
    assert described(ends("top")) == [("killed", "removed")]
    (root,) = ends("")
    assert root.cause == Cause(did="shut down", child="top")
    (end,) = ends("@node")
    assert end.reason == "ended with its significant child 'top': killed"
    assert not end.clean
