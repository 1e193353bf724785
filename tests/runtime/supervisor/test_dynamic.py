"""Dynamic supervisors on real processes: children come and go, and stop all at once."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from otpy import ChildInfo, NoProcess, ProcessDown, SpecError, StartFailed, SupervisorError
from otpy.events import ChildEnded, ChildRemoved, ChildStarted
from tests.support.node import Nodes, NodeUnderTest

POOL = """
    name: dynamic
    children:
      - {id: steady, start: "tests.support.workers:Remote", args: [WORK/log]}
      - {id: pool, strategy: dynamic, max_children: 3, max_restarts: 10}
    """


def add(node: NodeUnderTest, id_: str, terminate: str = "note", **fields: object) -> int:
    """Start a child with a log of its own; return its pid."""
    args = [str(node.work / f"{id_}.log"), [], terminate]
    spec = {"id": id_, "start": "tests.support.workers:Remote", "args": args, **fields}
    pid = node.client.supervisor("pool").start_child(spec).pid
    assert pid is not None
    return pid


def ids(node: NodeUnderTest) -> list[str]:
    return [child.id for child in node.client.supervisor("pool").which_children()]


def test_children_are_killed_and_come_back_alone(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    assert ids(node) == []
    add(node, "a")
    bystander = add(node, "b")
    assert node.recover("pool/a").incarnation == 2
    assert node.call("pool/a", "identity")[1] == 2
    assert node.client["b"].pid == bystander
    assert ids(node) == ["b", "a"]


def test_who_ends_for_good_has_no_place_any_more(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    pool = node.client.supervisor("pool")
    add(node, "a", restart="transient")
    node.client["a"].cast("stop_later", "normal")
    node.next(ChildRemoved, path="pool/a")
    add(node, "b")
    pool.terminate_child("b")
    assert ids(node) == []
    with pytest.raises(NoProcess):
        node.call("pool/b", "identity")
    with pytest.raises(SupervisorError, match="not_found"):
        pool.restart_child("b")


def test_no_more_than_max_children(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    for id_ in "abc":
        add(node, id_)
    with pytest.raises(SupervisorError) as caught:
        add(node, "d")
    assert (caught.value.reason, caught.value.detail) == ("max_children", "3 of 3 children")
    node.client.supervisor("pool").terminate_child("a")
    add(node, "d")
    assert ids(node) == ["d", "c", "b"]


def test_a_killed_supervisor_comes_back_empty_and_numbers_go_on(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    steady = node.client["steady"].pid
    add(node, "a")
    add(node, "b")
    assert node.recover("pool").incarnation == 2
    assert ids(node) == []
    with pytest.raises(NoProcess):
        node.call("pool/a", "identity")
    add(node, "a")
    assert node.call("pool/a", "identity")[1] == 2
    assert node.client["steady"].pid == steady


def test_all_stop_at_once_each_within_its_own_budget(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    for id_ in "ac":
        os.mkfifo(node.work / f"{id_}.log.fifo")
        add(node, id_, "fifo", shutdown="infinity")
    add(node, "b", "sleep_in_c", shutdown="200ms")
    node.send(signal.SIGTERM)
    # Every one is in its terminate, and none has ended: nobody waits for a sibling.
    for id_ in "abc":
        node.logged("terminate", f"pool/{id_}", 1, "shutdown", file=f"{id_}.log")
    assert node.next(ChildEnded, path="pool/b").reason == "killed"
    assert [e.path for e in node.seen(ChildEnded) if e.path.startswith("pool/")] == ["pool/b"]
    for id_ in "ac":
        (node.work / f"{id_}.log.fifo").write_bytes(b"go on")
        assert node.next(ChildEnded, path=f"pool/{id_}").reason == "shutdown"
    assert node.wait() == 0
    ends = [event.path for event in node.seen(ChildEnded) if event.path[:1] != "@"]
    assert ends[-3:] == ["pool", "steady", ""]


def test_a_dynamic_supervisor_may_be_the_root(nodes: Nodes) -> None:
    node = nodes.run("{name: root, strategy: dynamic}")
    root = node.client.supervisor()
    spec = {"id": "a", "start": "otpy.examples.counter:Counter"}
    assert root.start_child(spec).incarnation == 1
    assert node.next(ChildStarted, path="a").incarnation == 1
    assert node.recover("a").incarnation == 2


TEMPLATE = """
    name: template
    strategy: dynamic
    max_restarts: 10
    template: {start: "tests.support.workers:Remote", args: [WORK/log]}
    """


def test_children_are_made_from_the_template(nodes: Nodes) -> None:
    node = nodes.run(TEMPLATE)
    root = node.client.supervisor()
    assert [root.start_child().id, root.start_child(args=[["ok"]]).id] == ["worker-1", "worker-2"]
    assert root.start_child(args=[["ok"], "raise"], id="mine").id == "mine"
    assert root.get_childspec("mine")["args"] == [str(nodes.work / "log"), ["ok"], "raise"]
    root.terminate_child("worker-1")
    assert root.start_child({"args": []}).id == "worker-4"
    assert node.call("worker-4", "identity")[1] == 1


def test_an_id_that_was_made_is_not_made_again_after_the_supervisor_was_killed(
    nodes: Nodes,
) -> None:
    node = nodes.run(TEMPLATE)
    assert [node.client.supervisor().start_child().id for _ in "ab"] == ["worker-1", "worker-2"]
    node.recover("")
    assert node.client.supervisor().start_child().id == "worker-3"


def test_a_restart_has_the_same_arguments(nodes: Nodes) -> None:
    node = nodes.run(TEMPLATE)
    root = node.client.supervisor()
    info = root.start_child(args=[["ok", "ok"]])
    assert node.recover(info.id).incarnation == 2
    assert node.log() == [["init", "worker-1", 1, "ok"], ["init", "worker-1", 2, "ok"]]
    with pytest.raises(SupervisorError, match="bad_combination"):
        root.start_child({"id": "x", "start": "otpy.examples.counter:Counter"})
    with pytest.raises(SupervisorError, match="bad_combination"):
        root.start_child(args={"log": "x"})
    with pytest.raises(SpecError, match="got 5"):
        root.start_child({"args": 5})
    with pytest.raises(StartFailed, match="takes from 2 to 4 positional"):
        root.start_child(args=[1, 2, 3, 4, 5])


def test_a_command_as_a_template(nodes: Nodes) -> None:
    node = nodes.run("{name: jobs, strategy: dynamic, template: {id: job, command: [sh, -c]}}")
    info = node.client.supervisor().start_child(args=["echo hello; exec sleep 100000"])
    assert info.id == "job-1"
    node.says("^job-1 . hello")


def test_many_children_are_started_and_stopped_by_one_request_each(nodes: Nodes) -> None:
    node = nodes.run("""
        {name: many, strategy: dynamic, max_children: 24,
         template: {start: "tests.support.workers:Remote", args: [WORK/log]}}
        """)
    root = node.client.supervisor()
    specs: list[dict[str, object]] = [{} for _ in range(26)]
    specs[3] = {"args": [["error"]]}
    started = root.start_children(specs)
    names = [each.id for each in started if isinstance(each, ChildInfo)]
    assert len(names) == 24
    assert [each.pid for each in started if isinstance(each, ChildInfo)] == [
        node.pids()[name] for name in names
    ]
    assert isinstance(started[3], StartFailed)
    assert started[3].reason == "error: RuntimeError: init failed"
    assert isinstance(started[25], SupervisorError)
    assert started[25].reason == "max_children"
    *stopped, nobody = root.terminate_children([*names[1:], "nobody"])
    assert stopped == [None] * 23
    assert isinstance(nobody, SupervisorError)
    assert nobody.reason == "not_found"
    assert [child.id for child in root.which_children()] == names[:1]
    assert root.start_children([]) == root.terminate_children([]) == []


def test_a_wrong_spec_among_many_starts_nothing(nodes: Nodes) -> None:
    node = nodes.run(TEMPLATE)
    root = node.client.supervisor()
    with pytest.raises(SpecError, match=r"^children\[1\].args: got 5, "):
        root.start_children([{}, {"args": 5}])
    assert root.count_children().specs == 0


def test_what_many_failed_starts_say_is_bounded(nodes: Nodes) -> None:
    node = nodes.run("""
        {name: many, strategy: dynamic,
         template: {start: "tests.support.workers:FailsAtLength", args: [1000000]}}
        """)
    failed = node.client.supervisor().start_children([{}] * 25)
    assert all(
        isinstance(each, StartFailed) and each.reason.startswith("error: RuntimeError: xxx")
        for each in failed
    )
    said = [len(each.traceback) for each in failed if isinstance(each, StartFailed)]
    assert said[0] > 10_000
    assert said[-1] == 0
    assert sum(said) <= 1 << 20


def test_many_stop_at_once(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    for id_ in "abc":
        os.mkfifo(node.work / f"{id_}.log.fifo")
        add(node, id_, "fifo", shutdown="infinity")
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(node.client.supervisor("pool").terminate_children, ["a", "c"])
        for id_ in "ac":
            node.logged("terminate", f"pool/{id_}", 1, "shutdown", file=f"{id_}.log")
        for id_ in "ac":
            (node.work / f"{id_}.log.fifo").write_bytes(b"go on")
        assert asked.result() == [None, None]
    assert ids(node) == ["b"]
    node.kill("pool/b")
    node.next(ChildStarted, path="pool/b")
    node.kill("pool")
    node.next(ChildStarted, path="pool")


def test_who_waits_for_many_hears_of_the_supervisors_death(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    log = str(node.work / "log")
    specs = [
        {"id": id_, "start": "tests.support.workers:Remote", "args": [log, how]}
        for id_, how in (("a", []), ("b", ["hang"]))
    ]
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(node.client.supervisor("pool").start_children, specs)
        node.logged("init", "pool/b", 1, "hang")
        node.kill("pool")
        with pytest.raises(ProcessDown, match="killed"):
            asked.result()
