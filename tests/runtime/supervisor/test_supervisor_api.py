"""The supervisor API over real processes, with OTP's results."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.events import (
    ChildAdded,
    ChildEnded,
    ChildRemoved,
    ChildStarted,
    ChildStarting,
    NodeStopping,
)
from tests.runtime.test_calls import Asked
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: api
max_restarts: 1000
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: b, start: "tests.support.workers:Remote", args: [WORK/log], restart: transient}
  - {id: c, start: "tests.support.workers:Remote", args: [WORK/log], restart: temporary}
  - id: branch
    strategy: rest_for_one
    children:
      - {id: d, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: program, command: [sleep, "100000"]}
"""


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


def worker(node: NodeUnderTest, id_: str, *init: str, **fields: Any) -> dict[str, Any]:
    args = [f"{node.work}/log", list(init)]
    return {"id": id_, "start": "tests.support.workers:Remote", "args": args, **fields}


def states(node: NodeUnderTest, path: str = "") -> list[tuple[str, str]]:
    rows = node.client.supervisor(path).which_children()
    pids = node.pids()
    for row in rows:
        child = f"{path}/{row.id}" if path else row.id
        assert row.pid == pids.get(child), "the row has the pid of the running process"
        assert (row.pid is None) == (row.state != "running")
    return [(row.id, row.state) for row in rows]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(otpy.SupervisorError) as caught:
        call()
    return caught.value.reason


def test_which_children_lists_the_newest_first(node: NodeUnderTest) -> None:
    rows = node.client.supervisor().which_children()
    assert [(row.id, row.state, row.kind, row.incarnation) for row in rows] == [
        ("program", "running", "worker", 1),
        ("branch", "running", "supervisor", 1),
        ("c", "running", "worker", 1),
        ("b", "running", "worker", 1),
        ("a", "running", "worker", 1),
    ]
    assert {row.id: row.pid for row in rows}.items() <= node.pids().items()


def test_count_children(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    counts = root.count_children()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (5, 5, 1, 4)
    root.terminate_child("a")
    root.terminate_child("c")
    root.terminate_child("branch")
    counts = root.count_children()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (4, 2, 1, 3)


def test_terminate_restart_and_delete(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    assert refused(lambda: root.restart_child("a")) == "running"
    assert refused(lambda: root.delete_child("a")) == "running"
    root.terminate_child("a")
    root.terminate_child("a")
    assert states(node)[-1] == ("a", "undefined")
    again = root.restart_child("a")
    assert (again.id, again.state, again.incarnation) == ("a", "running", 2)
    assert node.next(ChildStarted, path="a", incarnation=2).pid == again.pid
    assert states(node)[-1] == ("a", "running"), "it keeps its position"
    root.terminate_child("a")
    root.delete_child("a")
    node.next(ChildRemoved, path="a")
    for operation in (
        root.terminate_child,
        root.restart_child,
        root.delete_child,
        root.get_childspec,
    ):
        assert refused(lambda op=operation: op("a")) == "not_found"  # type: ignore[misc]


def test_a_temporary_child_that_is_terminated_is_forgotten(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    root.terminate_child("c")
    node.next(ChildRemoved, path="c")
    assert refused(lambda: root.restart_child("c")) == "not_found"
    assert root.start_child(worker(node, "c")).incarnation == 2


def test_start_child_adds_at_the_end_and_takes_part_in_everything(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    info = root.start_child(worker(node, "new"))
    assert (info.id, info.state, info.kind, info.incarnation) == ("new", "running", "worker", 1)
    node.next(ChildAdded, path="new")
    assert node.next(ChildStarted, path="new").pid == info.pid
    assert node.call("new", "identity") == [info.pid, 1]
    assert states(node)[0] == ("new", "running")
    node.recover("new")
    assert refused(lambda: root.start_child(worker(node, "new"))) == "already_started"
    root.terminate_child("new")
    assert refused(lambda: root.start_child(worker(node, "new"))) == "already_present"


def test_start_child_of_a_supervisor_with_children(node: NodeUnderTest) -> None:
    spec = {
        "id": "more",
        "strategy": "one_for_all",
        "children": [worker(node, "x"), worker(node, "y")],
    }
    info = node.client.supervisor().start_child(spec)
    assert info.kind == "supervisor"
    assert states(node, "more") == [("y", "running"), ("x", "running")]
    node.since()
    node.kill("more/x")
    node.next_each(ChildStarted, ["more/x", "more/y"])
    assert node.call("y", "identity")[1] == 2


def test_start_child_below_another_supervisor(node: NodeUnderTest) -> None:
    branch = node.client.supervisor("branch")
    branch.start_child(worker(node, "e"))
    node.since()
    node.kill("branch/d")
    node.next_each(ChildStarted, ["branch/d", "branch/e"])
    assert states(node, "branch") == [("e", "running"), ("d", "running")]
    # A supervisor that comes back has the children that the tree declares, as in OTP.
    node.recover("branch")
    assert states(node, "branch") == [("d", "running")]
    with pytest.raises(otpy.NoProcess):
        node.call("branch/e", "identity")


def test_a_child_that_ignores_its_start(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    info = root.start_child(worker(node, "kept", "ignore"))
    assert (info.state, info.pid) == ("undefined", None)
    assert states(node)[0] == ("kept", "undefined")
    assert root.restart_child("kept").state == "running"
    info = root.start_child(worker(node, "dropped", "ignore", restart="temporary"))
    assert (info.state, info.pid) == ("undefined", None)
    assert "dropped" not in dict(states(node))


def test_a_start_that_fails_leaves_no_spec_and_no_restart(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    with pytest.raises(otpy.StartFailed) as caught:
        root.start_child(worker(node, "bad", "error"))
    assert caught.value.reason == "error: RuntimeError: init failed"
    assert "in init" in caught.value.traceback
    assert "bad" not in dict(states(node))
    root.terminate_child("b")
    node.client.supervisor().delete_child("b")
    root.start_child(worker(node, "b", "ok", "error"))
    root.terminate_child("b")
    with pytest.raises(otpy.StartFailed):
        root.restart_child("b")
    assert dict(states(node))["b"] == "undefined", "a spec whose restart fails is kept"


def test_a_supervisor_whose_child_fails_names_it(node: NodeUnderTest) -> None:
    with pytest.raises(otpy.StartFailed) as caught:
        node.client.supervisor().start_child(
            {"id": "more", "children": [worker(node, "x"), worker(node, "y", "error")]}
        )
    assert caught.value.reason == ("failed to start child 'y': error: RuntimeError: init failed")
    assert node.log()[-1] == ["terminate", "more/x", 1, "shutdown"]


def test_get_childspec_gives_the_fields_of_the_yaml(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    expected = {
        "id": "b",
        "start": "tests.support.workers:Remote",
        "args": [f"{node.work}/log"],
        "restart": "transient",
        "shutdown": 5.0,
        "significant": False,
    }
    assert root.get_childspec("b").items() >= expected.items()
    assert root.get_childspec("branch")["children"][0]["id"] == "d"
    assert root.get_childspec("program")["command"] == ["sleep", "100000"]
    copy = {**root.get_childspec("b"), "id": "copy"}
    root.start_child(copy)
    assert root.get_childspec("copy") == copy


def test_the_spec_of_the_tree_is_its_files_with_what_was_done_by_hand(node: NodeUnderTest) -> None:
    """11.1: what `otpy plan` compares with."""
    root, branch = node.client.supervisor(), node.client.supervisor("branch")
    branch.start_child(worker(node, "e"))
    root.start_child(worker(node, "f"))
    root.terminate_child("b")
    root.delete_child("b")

    found = node.client.spec()

    children = {child["id"]: child for child in found.fields["children"]}
    assert list(children) == ["a", "c", "branch", "program", "f"]
    assert [child["id"] for child in children["branch"]["children"]] == ["d", "e"]
    assert sorted(found.by_hand) == ["branch/e", "f"]
    assert children["c"]["args"] == [f"{node.work}/log"], "a temporary one, too"


def test_the_spec_of_a_supervisor_that_does_not_run_is_its_files(node: NodeUnderTest) -> None:
    node.client.supervisor("branch").start_child(worker(node, "e"))
    node.client.supervisor().terminate_child("branch")
    (branch,) = [c for c in node.client.spec().fields["children"] if c["id"] == "branch"]
    assert [child["id"] for child in branch["children"]] == ["d"]


def test_the_spec_of_a_tree_that_is_still_starting_is_told_at_once(nodes: Nodes) -> None:
    node = nodes.start("""
name: starting
children:
  - {id: late, command: [sleep, "100000"], ready: notify}
  - {id: behind, children: [{id: a, command: [sleep, "100000"]}]}
""")
    node.next(ChildStarting, path="late")
    late, behind = node.client.spec().fields["children"]
    assert late["ready"] == "notify"
    assert [child["id"] for child in behind["children"]] == ["a"]


def test_a_spec_that_is_wrong_is_refused_with_every_mistake(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    with pytest.raises(otpy.SpecError) as caught:
        root.start_child({"id": "x", "start": "nonsense", "restart": "always", "typo": 1})
    assert len(caught.value.mistakes) == 3
    spec = worker(node, "x", significant=True, restart="transient")
    assert refused(lambda: root.start_child(spec)) == "bad_combination"
    assert refused(lambda: root.start_child({**spec, "instances": 2})) == "bad_combination"


def test_supervisors_and_workers_are_not_taken_for_each_other(node: NodeUnderTest) -> None:
    for path in ("a", "program", "nobody", "branch/d", "@gateway"):
        with pytest.raises(otpy.NoProcess):
            node.client.supervisor(path).which_children()
    node.client.supervisor().terminate_child("branch")
    with pytest.raises(otpy.NoProcess):
        node.client.supervisor("branch").which_children()


def test_what_a_supervisor_is_asked_while_it_restarts_waits(nodes: Nodes) -> None:
    node = nodes.run("""
        name: busy
        children:
          - id: branch
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [ok, fifo]]}
        """)
    os.mkfifo(nodes.work / "log.fifo")
    branch = node.client.supervisor("branch")
    node.kill("branch")
    node.logged("init", "branch/a", 2, "fifo")
    asked = Asked(lambda: branch.which_children(timeout=60))
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert [(row.id, row.incarnation) for row in asked.result()] == [("a", 2)]


def test_what_was_asked_of_a_supervisor_that_dies_is_answered_by_its_death(nodes: Nodes) -> None:
    node = nodes.run("""
        name: dying
        children:
          - id: branch
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [], hang],
                 shutdown: infinity}
        """)
    branch = node.client.supervisor("branch")
    asked = Asked(lambda: branch.terminate_child("a"))
    node.logged("terminate", "branch/a", 1, "shutdown")
    node.kill("branch")
    error = asked.result()
    assert isinstance(error, otpy.ProcessDown)
    assert error.reason == "killed"
    node.next(ChildEnded, path="branch")
    node.next(ChildStarted, path="branch")
    for _ in range(2):  # in order it would never end
        node.send(signal.SIGINT)
        node.next(NodeStopping)
    assert node.wait() == 0


def test_a_spec_may_be_as_large_as_any_message(node: NodeUnderTest) -> None:
    """4.21: by a client; and what the supervisor answers of it comes back as large."""
    root = node.client.supervisor()
    text = "x" * (20 << 20)
    spec = {"id": "large", "start": "otpy.examples.counter:Counter", "args": [text]}
    assert root.start_child(spec, timeout=60).id == "large"
    assert root.get_childspec("large", timeout=60)["args"] == [text]
    with pytest.raises(otpy.FrameTooLarge):
        root.start_child({**spec, "args": ["x" * (65 << 20)]}, timeout=60)
    assert node.incarnations()["@gateway"] == 1
