"""The supervisor API, whoever asks: a client or a worker of the tree."""

from typing import Any

import pytest

import otpy
from otpy.events import ChildEnded
from tests.runtime.test_calls import Asked
from tests.support.askers import ASKERS, Asker, answer, asker, needed, with_askers
from tests.support.node import Nodes, NodeUnderTest

TREE = """
    name: supervisors
    max_restarts: 100
    children:
      - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
      - id: branch
        children:
          - {id: pool, strategy: dynamic, max_children: 3}
          - id: copies
            strategy: dynamic
            template: {start: "tests.support.workers:Contract"}
"""


@pytest.fixture
def node(nodes: Nodes, request: pytest.FixtureRequest) -> NodeUnderTest:
    return nodes.run(with_askers(TREE, *needed(request)))


@pytest.fixture(params=ASKERS)
def who(node: NodeUnderTest, request: pytest.FixtureRequest) -> Asker:
    return asker(request.param, node)


def refused(who: Asker, what: str, *args: Any) -> str:
    with pytest.raises(otpy.SupervisorError) as caught:
        who.do(f"supervisor.{what}", *args)
    return caught.value.reason


def test_the_life_of_a_child(node: NodeUnderTest, who: Asker) -> None:
    spec = {"id": "x", "start": "tests.support.workers:Remote", "args": [str(node.work / "log")]}
    child = who.do("supervisor.start_child", "", spec)
    assert child == otpy.ChildInfo(
        id="x", state="running", kind="worker", pid=node.client["x"].pid, incarnation=1
    )
    assert refused(who, "start_child", "", spec) == "already_started"
    assert refused(who, "delete_child", "", "x") == "running"
    assert who.do("supervisor.terminate_child", "", "x") is None
    assert refused(who, "start_child", "", spec) == "already_present"
    assert who.do("supervisor.restart_child", "", "x").incarnation == 2
    assert refused(who, "restart_child", "", "x") == "running"
    assert who.call("x", "identity")[1] == 2
    who.do("supervisor.terminate_child", "", "x")
    assert who.do("supervisor.get_childspec", "", "x")["restart"] == "permanent"
    assert who.do("supervisor.delete_child", "", "x") is None
    for what in ("terminate_child", "restart_child", "delete_child", "get_childspec"):
        assert refused(who, what, "", "x") == "not_found"


def test_what_there_is(who: Asker) -> None:
    spec = {"id": "b", "start": "tests.support.workers:waits"}
    who.do("supervisor.start_child", "", spec)
    asks = [] if who.path is None else [(who.path, "worker", "running")]
    rows = who.do("supervisor.which_children", "")
    assert [(row.id, row.kind, row.state) for row in rows] == [
        ("b", "worker", "running"),
        *asks,
        ("branch", "supervisor", "running"),
        ("a", "worker", "running"),
    ]
    counts = who.do("supervisor.count_children", "")
    many = 3 + len(asks)
    assert counts == otpy.ChildCounts(specs=many, active=many, supervisors=1, workers=many - 1)
    assert who.do("supervisor.which_children", "pool") == []


def test_a_supervisor_may_be_started_too(node: NodeUnderTest, who: Asker) -> None:
    spec = {"id": "sub", "children": [{"id": "y", "start": "tests.support.workers:waits"}]}
    child = who.do("supervisor.start_child", "branch", spec)
    assert (child.kind, child.pid) == ("supervisor", node.client["branch/sub"].info().pid)
    assert [row.id for row in who.do("supervisor.which_children", "sub")] == ["y"]


def test_no_more_than_max_children_and_many_at_once(node: NodeUnderTest, who: Asker) -> None:
    start = "tests.support.workers:waits"
    specs = [{"id": f"c{number}", "start": start} for number in range(4)]
    started = who.do("supervisor.start_children", "pool", specs)
    assert [child.id for child in started[:3]] == ["c0", "c1", "c2"]
    assert started[3].reason == "max_children"
    assert refused(who, "start_child", "pool", {"id": "d", "start": start}) == "max_children"
    ended = who.do("supervisor.terminate_children", "pool", ["c0", "c1", "nobody"])
    assert ended[:2] == [None, None]
    assert ended[2].reason == "not_found"
    assert who.do("supervisor.count_children", "pool").specs == 1


def test_copies_of_a_template(node: NodeUnderTest, who: Asker) -> None:
    log = str(node.work / "log")
    first = who.do("supervisor.start_child", "copies", args=[log])
    second = who.do("supervisor.start_child", "copies", args={"log": log}, id="mine")
    assert (first.id, second.id) == ("worker-1", "mine")
    assert who.call("branch/copies/mine", "add", 1, 2) == 3
    assert refused(who, "start_child", "copies", {"id": "z", "start": "a:b"}) == "bad_combination"


def test_what_is_wrong_is_told(who: Asker) -> None:
    with pytest.raises(otpy.SpecError, match=r"child.restart: got 'always'"):
        who.do("supervisor.start_child", "", {"id": "x", "start": "a:b", "restart": "always"})
    with pytest.raises(otpy.StartFailed, match="No module named"):
        who.do("supervisor.start_child", "", {"id": "x", "start": "no_such_module:b"})
    for name in ("a", "nobody"):
        with pytest.raises(otpy.NoProcess):
            who.do("supervisor.which_children", name)


def test_what_cannot_be_sent_meets_no_supervisor(node: NodeUnderTest) -> None:
    pids = node.pids()
    for path in ("worker", "aio-worker"):
        with pytest.raises(otpy.NotSendable):
            answer(node.call(path, "start_odd_child"))
    assert node.pids() == pids


@pytest.mark.parametrize(
    ("what", "args", "kind"),
    [
        ("supervisor.which_children", "root", "error"),
        ("supervisor.terminate_child", "deep, a", "error"),
        ("supervisor.start_child", "pool, {id: c, start: 'tests.support.workers:waits'}", "answer"),
        ("supervisor.count_children", "deep/pool", "answer"),
        ("tasks.start", "'tests.support.workers:waits'", "answer"),
    ],
)
def test_in_its_init_a_process_asks_only_supervisors_that_do_not_wait_for_it(
    nodes: Nodes, what: str, args: str, kind: str
) -> None:
    node = nodes.run(f"""
        name: early
        children:
          - {{id: tasks, strategy: dynamic}}
          - id: deep
            children:
              - {{id: pool, strategy: dynamic}}
              - {{id: a, start: "tests.support.asking_workers:Early",
                 args: [WORK/log, {what}, {args}]}}
        """)
    told = node.call("a", "answered")
    assert told[0] == kind
    if kind == "error":
        assert told[1] == "CallingSelf"
        assert "waits for the end of this init" in told[2][0]
    node.recover("deep/a")
    assert node.call("a", "answered")[0] in {kind, "error"}  # a child of that name is there


def test_who_has_his_own_supervisor_end_him_is_killed_at_the_end_of_his_budget(
    nodes: Nodes,
) -> None:
    tree = with_askers(TREE, "worker").replace("id: worker,", "id: worker, shutdown: 200ms,")
    node = nodes.run(tree)
    asked = Asked(lambda: asker("worker", node).do("supervisor.terminate_child", "", "worker"))
    assert isinstance(asked.result(), otpy.ProcessDown)
    assert node.next(ChildEnded, path="worker").reason == "killed"
