"""Durable servers: their state survives kill -9, and nothing is seen that was not stored."""

import contextlib
import re
from pathlib import Path

import pytest

import otpy
from otpy import ProcessDown
from otpy.events import ChildEnded, ChildStarted, ChildStartFailed
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

WORKERS = "tests.support.durable_workers"


def tree(*children: str, **keys: object) -> str:
    top = {"max_restarts": "infinity", **keys}
    lines = [f"{key}: {value}" for key, value in top.items()]
    return "\n".join([*lines, "children:", *(f"  - {child}" for child in children), ""])


def child(id_: str, kind: str, **keys: object) -> str:
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return f"{{id: {id_}, start: '{WORKERS}:{kind}'{more}}}"


def durable(id_: str, kind: str, **keys: object) -> str:
    return child(id_, kind, durable="true", **keys)


# --- 1: which servers, and what they survive ------------------------------------------------------


@pytest.mark.parametrize(
    "one",
    [
        durable("c", "Counter"),
        child("c", "Counter", durable="process"),
        child("c", "Counter", durable="disk"),
        child("c", "DurableCounter"),
        child("c", "DiskCounter"),
        durable("c", "AsyncCounter"),
    ],
)
def test_a_killed_server_goes_on_where_it_was(nodes: Nodes, one: str) -> None:
    node = nodes.run(tree(one))
    assert node.call("c", "increment", 5) == 5
    node.recover("c")
    assert node.call("c", "increment", 2) == 7


def test_one_that_says_no_is_not_durable_whatever_its_class_says(nodes: Nodes) -> None:
    node = nodes.run(tree(child("c", "DurableCounter", durable="false")))
    node.call("c", "increment", 5)
    node.recover("c")
    assert node.call("c", "get") == 0
    assert not (nodes.work / "state").exists()


def test_each_instance_and_each_child_made_later_has_a_state_of_its_own(nodes: Nodes) -> None:
    node = nodes.run(
        tree(
            durable("pool", "Counter", instances=2),
            "{id: some, strategy: dynamic}",
        )
    )
    for number in (0, 1):
        node.call(f"pool/{number}", "increment", number + 1)
        node.recover(f"pool/{number}")
        assert node.call(f"pool/{number}", "get") == number + 1
    some = node.client.supervisor("some")
    spec = {"id": "c", "start": f"{WORKERS}:Counter", "durable": True}
    some.start_child(spec)
    assert some.get_childspec("c")["durable"] == "process"
    node.call("some/c", "increment", 5)
    some.terminate_child("c")
    some.start_child(spec)
    assert node.call("some/c", "get") == 5


def test_state_survives_the_node_and_is_there_the_next_time(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Counter"), durable("a", "AsyncCounter")))
    for name in "ca":
        node.call(name, "increment", 3)
    node.kill("@node")
    node.wait()
    nodes.gone()
    again = nodes.run(nodes.work / "tree.yaml")
    assert [again.call(name, "increment", 1) for name in "ca"] == [4, 4]
    again.stop()
    third = nodes.run(nodes.work / "tree.yaml")
    assert [third.call(name, "get") for name in "ca"] == [4, 4]


def test_siblings_that_restart_together_keep_their_states(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("a", "Counter"), durable("b", "Counter"), strategy="one_for_all"))
    for name in "ab":
        node.call(name, "increment", 2)
    node.kill("a")
    node.next_each(ChildStarted, ("a", "b"))
    assert [node.call(name, "get") for name in "ab"] == [2, 2]


def test_a_supervisors_death_loses_nothing(nodes: Nodes) -> None:
    inner = f"{{id: sup, max_restarts: infinity, children: [{durable('c', 'Counter')}]}}"
    node = nodes.run(tree(inner))
    node.call("sup/c", "increment", 2)
    node.kill("sup")
    node.next(ChildStarted, path="sup/c", incarnation=2)
    assert node.call("sup/c", "get") == 2


@pytest.mark.parametrize("one", [durable("c", "Counter"), child("c", "DurableCounter")])
def test_what_a_restart_needs_is_imported_before_the_fork(nodes: Nodes, one: str) -> None:
    node = nodes.run(tree(one))
    node.call("c", "get")
    assert "sqlite" in Path(f"/proc/{node.pids()['']}/maps").read_text()


def test_a_function_cannot_be_durable(nodes: Nodes) -> None:
    node = nodes.start(tree("{id: f, start: 'time:sleep', args: [1], durable: true}"))
    node.complains("only a GenServer can be durable")
    assert node.wait() == 1


def test_resumed_runs_in_place_of_init(nodes: Nodes) -> None:
    node = nodes.run(
        tree(*(durable(kind.lower(), kind, args=["p"]) for kind in ("Resuming", "AsyncResuming")))
    )
    for name in ("resuming", "asyncresuming"):
        assert node.call(name, "log") == ["init", "p"]
        node.recover(name)
        assert node.call(name, "log") == ["resumed", "more", "p"]


# --- 2: the state ---------------------------------------------------------------------------------


def test_what_cannot_be_stored_is_a_failed_start(nodes: Nodes) -> None:
    node = nodes.start(tree(durable("u", "Unstorable", args=["{at_once: true}"][0])))
    failed = node.next(ChildStartFailed, path="u")
    assert re.search(r"Unstorable\.lock cannot be stored: lock", str(failed))
    node.wait()


def test_what_cannot_be_stored_ends_the_server_and_is_not_answered(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("u", "Unstorable")))
    with pytest.raises(ProcessDown, match=r"StorageError: Unstorable\.lock cannot be stored: lock"):
        node.call("u", "take")
    node.next(ChildStarted, path="u")
    assert node.call("u", "get") == 0


def test_a_class_may_say_what_its_state_is(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("s", "Snapshots")))
    assert node.call("s", "put", 5) == 2
    node.recover("s")
    assert node.call("s", "put", 6) == 3


def test_a_server_may_forget_its_state(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Resetting", args=[10])))
    assert node.call("c", "increment", 5) == 15
    assert node.call("c", "begin_anew") == 16
    node.next(ChildStarted, path="c", incarnation=2)
    assert node.call("c", "get") == 10
    assert node.client["c"].get_state() == {"count": 10}


def test_an_attribute_that_is_called_store_is_stored(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("k", "Keeping")))
    node.recover("k")
    assert node.call("k", "stored") == [1, 2]


# --- 3: tables ------------------------------------------------------------------------------------


def test_a_tables_rows_survive(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("b", "Bank")))
    node.call("b", "move", "a0", "a1", 30)
    node.recover("b")
    assert node.call("b", "balances") == {"a0": 70, "a1": 130, "a2": 100}
    assert node.call("b", "size") == 3


def test_a_handler_that_raises_changes_no_row(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("b", "Bank")))
    with pytest.raises(ProcessDown):
        node.call("b", "half_a_move", "a0", 30)
    node.next(ChildEnded, path="b")
    assert node.call("b", "balances") == {"a0": 100, "a1": 100, "a2": 100}


def test_a_change_within_a_row_counts_when_it_is_assigned(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("b", "Bank")))
    assert node.call("b", "forgotten", "a0") == 100


def test_another_table_in_its_place_is_empty_and_none_is_none(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("b", "Bank")))
    node.call("b", "empty")
    assert node.call("b", "size") == 0
    node.recover("b")
    assert node.call("b", "size") == 0
    node.call("b", "drop")
    node.recover("b")
    with pytest.raises(ProcessDown, match="AttributeError"):
        node.call("b", "size")


# --- 4: the commit gate ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Counter", "AsyncCounter"])
def test_a_handler_that_raises_leaves_no_trace(nodes: Nodes, kind: str) -> None:
    node = nodes.run(tree(child("told", "Listener"), durable("c", kind)))
    node.call("c", "increment", 1)
    with pytest.raises(ProcessDown, match="as it was asked to"):
        node.call("c", "crash", "told")
    node.next(ChildEnded, path="c")
    assert node.call("c", "get") == 1
    assert node.call("told", "state")[0] == 0


def test_what_a_handler_sends_leaves_after_its_commit(nodes: Nodes) -> None:
    trace = nodes.work / "trace"
    node = nodes.run(
        tree(
            child("told", "Listener"),
            "{id: tasks, strategy: dynamic}",
            durable("e", "Everything"),
        )
    )
    with pytest.raises(ProcessDown):
        node.client["e"].call("send", "told", str(trace), True)
    node.next(ChildStarted, path="e")
    assert node.call("told", "state")[0] == 0
    assert node.call("e", "send", "told", str(trace)) == 1
    node.until(lambda: trace.exists() and trace.read_text() == "x", "the task has run, once")
    count, heard = node.call("told", "await", 1, 1)
    assert count == 1
    assert [list(each) for each in heard] == [["info", 1]]


def test_a_task_whose_result_is_awaited_in_the_handler_begins_at_once(nodes: Nodes) -> None:
    node = nodes.run(tree("{id: tasks, strategy: dynamic}", durable("e", "Everything")))
    assert node.call("e", "awaits", 21) == 42


def test_what_a_thread_sends_leaves_with_a_commit_of_its_own(nodes: Nodes) -> None:
    node = nodes.run(tree(child("told", "Listener"), durable("e", "Everything")))
    node.call("e", "in_a_thread", "told")
    assert node.call("told", "await", 1, 0)[0] == 1


def test_an_async_server_sends_after_its_commit(nodes: Nodes) -> None:
    trace = nodes.work / "trace"
    node = nodes.run(
        tree(
            child("told", "Listener"),
            "{id: tasks, strategy: dynamic}",
            durable("a", "AsyncCounter"),
        )
    )
    assert node.call("a", "pass_on", "told", 5) == 5
    assert node.call("told", "await", 5, 0)[0] == 5
    node.call("a", "begin", str(trace))
    node.until(trace.exists, "the task has run")


def test_continue_comes_after_the_commit(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Continuing")))
    assert node.call("c", "go") == 1
    node.next(ChildEnded, path="c")
    assert list(node.call("c", "both")) == [1, -1]


def test_a_refusal_is_an_answer(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Counter")))
    with pytest.raises(otpy.Refused):
        node.call("c", "refuse")
    node.recover("c")
    assert node.call("c", "get") == 1


def test_stop_commits_first_and_its_reply_is_stored(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Counter")))
    assert node.call("c", "stop_with", 3) == 3
    node.next(ChildEnded, path="c")
    assert node.call("c", "get") == 3


def test_many_requests_of_one_read_share_a_commit(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Counter")))
    ref = node.client["c"]
    pending = [ref.send_request("increment", 1) for _ in range(500)]
    assert [each.result() for each in pending] == list(range(1, 501))
    ref.cast_many([("add", 1)] * 1000)
    assert node.call("c", "get") == 1500
    node.recover("c")
    assert node.call("c", "get") == 1500


def stored(ref: otpy.Ref) -> int:
    """Return the count, of whichever incarnation lives long enough to answer."""
    while True:
        with contextlib.suppress(ProcessDown):
            return int(ref.call("get", timeout=DEADLINE_S))


@pytest.mark.parametrize("point", ["before", "known", "stored"])
def test_a_death_at_any_point_of_a_commit_undoes_no_answer(nodes: Nodes, point: str) -> None:
    node = nodes.run(tree(durable("c", "Counter", env=f"{{OTPY_DURABLE_FAULT: '{point}=0.1'}}")))
    ref, answered = node.client["c"], 0
    for _ in range(60):
        try:
            value = ref.call("increment", 1)
        except ProcessDown:  # it was stored, or it was not
            value = stored(ref)
            assert value in (answered, answered + 1)
        else:
            assert value == answered + 1
        answered = value


# --- 6: durable timers ----------------------------------------------------------------------------


def test_a_durable_timer_fires_once_also_after_a_restart(nodes: Nodes) -> None:
    node = nodes.run(
        tree(child("told", "Listener"), durable("t", "Timed"), durable("a", "AsyncCounter"))
    )
    node.call("t", "later", 0.3, 1)
    node.call("t", "later", 3600.0, 2)
    node.call("t", "later", 0.0, 3)
    node.call("a", "later", 0.2, "told", 5)
    for name in "ta":
        node.recover(name)
    assert sorted(node.call("t", "await", 2)) == [1, 3]
    assert node.call("told", "await", 5, 0)[0] == 5
    assert node.call("a", "get") == 5
    node.recover("t")
    assert sorted(node.call("t", "all")) == [1, 3]


def test_a_cancelled_timer_never_fires(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("t", "Timed")))
    node.call("t", "later", 0.2, 1)
    assert node.call("t", "cancel", 1)
    node.recover("t")
    node.call("t", "later", 0.3, 2)
    assert node.call("t", "await", 1) == [2]


# --- 8: what can go wrong with the store ----------------------------------------------------------


def state_of(nodes: Nodes, node: NodeUnderTest, name: str) -> Path:
    return nodes.work / "state" / node.name / f"{name}.state"


def test_a_damaged_state_is_a_failed_start_that_says_what_to_do(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Counter")))
    node.stop()
    state_of(nodes, node, "c").write_bytes(b"nonsense" * 100)
    again = nodes.start(nodes.work / "tree.yaml")
    again.complains("the state is damaged")
    assert again.wait() == 1
    assert state_of(nodes, node, "c").read_bytes() == b"nonsense" * 100


def test_a_full_disk_ends_the_server_and_answers_nothing(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Counter", limits="{fsize: 100000}")))
    ref, answers = node.client["c"], [0]

    def go_on() -> None:
        while True:
            answers.append(ref.call("increment", 1))

    with pytest.raises(ProcessDown, match="StorageError"):
        go_on()
    node.next(ChildStarted, path="c")
    assert node.call("c", "get") == answers[-1]


# --- 9: versions ----------------------------------------------------------------------------------


def test_a_state_is_migrated_and_never_back(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tree(durable("v", "Versioned"))
    node = nodes.run(text, fresh=True)
    assert node.call("v", "state") == {"version": 1, "cents": 150}
    node.stop()
    monkeypatch.setenv("TEST_VERSION", "2")
    newer = nodes.run(text, fresh=True)
    assert newer.call("v", "state") == {"version": 2, "euros": 1.5}
    newer.recover("v")
    assert newer.call("v", "state") == {"version": 2, "euros": 1.5}
    newer.stop()
    monkeypatch.setenv("TEST_VERSION", "1")
    back = nodes.start(text, fresh=True)
    back.complains("written by version 2 of Versioned, this is version 1")
    assert back.wait() == 1


def test_the_folder_of_states_is_private(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("c", "Counter")))
    state = state_of(nodes, node, "c")
    assert state.stat().st_mode & 0o777 == 0o600
    assert state.parent.stat().st_mode & 0o777 == 0o700


# --- system messages ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Counter", "AsyncCounter"])
def test_a_replaced_state_is_stored_before_it_is_answered(nodes: Nodes, kind: str) -> None:
    node = nodes.run(tree(durable("c", kind)))
    assert node.client["c"].replace_state({"count": 5}) == {"count": 5}
    node.recover("c")
    assert node.call("c", "get") == 5
    with pytest.raises(otpy.Refused, match=r"cannot be stored: str, which is no int"):
        node.client["c"].replace_state({"count": "many"})
    node.next(ChildEnded, path="c")
    assert node.call("c", "get") == 5


def test_a_state_is_backed_up_while_it_is_in_use(nodes: Nodes) -> None:
    node = nodes.run(tree(durable("b", "Bank"), child("plain", "Counter")))
    node.call("b", "move", "a0", "a1", 30)
    copy = nodes.work / "copy.state"
    assert node.client["b"].back_up(str(copy)) == copy.stat().st_size
    assert copy.stat().st_mode & 0o777 == 0o600
    with pytest.raises(otpy.Refused, match="File exists"):
        node.client["b"].back_up(str(copy))
    with pytest.raises(otpy.Refused, match="it is not durable"):
        node.client["plain"].back_up(str(nodes.work / "other"))
    with pytest.raises(TypeError, match="an absolute path"):
        node.client["b"].back_up("copy")
    node.call("b", "move", "a0", "a1", 30)
    node.stop()
    copy.replace(state_of(nodes, node, "b"))
    again = nodes.run(nodes.work / "tree.yaml")
    assert again.call("b", "balances") == {"a0": 70, "a1": 130, "a2": 100}
