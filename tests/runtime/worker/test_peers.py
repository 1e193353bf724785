"""Workers that talk to each other: as clients do, and with every value that pickle carries."""

from collections.abc import Callable
from pathlib import Path

import pytest

import otpy
from tests.runtime.test_calls import ask
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: peers
max_restarts: 100000
children:
  - {id: a, start: "WORKERS:Talker", args: [WORK/log]}
  - {id: b, start: "WORKERS:Listener", args: [WORK/log]}
  - id: deep
    children:
      - {id: c, start: "WORKERS:Listener", args: [WORK/log]}
      - id: deeper
        children:
          - {id: d, start: "WORKERS:Talker", args: [WORK/log]}
          - {id: e, start: "WORKERS:Listener", args: [WORK/log], restart: temporary}
          - {id: program, command: [sleep, "1000"]}
""".replace("WORKERS", "tests.support.peer_workers")


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


@pytest.fixture
def same(shared: Callable[[str], NodeUnderTest]) -> NodeUnderTest:
    """Return the node of those tests that change nothing."""
    return shared(TREE)


@pytest.mark.parametrize("caller", ["a", "d"])
@pytest.mark.parametrize("name", ["b", "c", "deep/c", "deep/deeper/e"])
def test_a_worker_calls_any_other_by_id_or_path(
    same: NodeUnderTest, caller: str, name: str
) -> None:
    assert same.call(caller, "call_other", name, "echo", [1, {"k": None}]) == [
        "answer",
        [1, {"k": None}],
    ]
    assert same.call(caller, "whereis", name) == same.call(name, "pid")


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "array", "buffer", "list"])
@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 256, 1 << 20, 20 << 20])
def test_large_values_pass_as_they_are(same: NodeUnderTest, kind: str, size: int) -> None:
    assert same.client["a"].call("pass_large", "c", kind, size, timeout=None) is True
    assert same.call("a", "call_other", "c", "echo", 1) == ["answer", 1]


def test_large_casts_come_in_order_and_whole(node: NodeUnderTest) -> None:
    seen = node.client["a"].call("cast_large", "b", 3 << 20, 20, timeout=None)
    assert seen == [[bytes([number]), 3 << 20, 1] for number in range(20)]


def test_values_of_the_users_own_classes_pass(node: NodeUnderTest) -> None:
    assert node.call("a", "pass_point", "c") == ["Point", 2, 4]


def test_what_goes_wrong_is_told_as_to_a_client(same: NodeUnderTest) -> None:
    def answer(*request: object) -> str:
        return str(same.call("a", "call_other", *request)[0])

    assert answer("nobody", "echo", 1) == "NoProcess"
    assert answer("deep", "echo", 1) == "NoProcess"
    assert answer("program", "echo", 1) == "NoProcess"
    assert answer("b", "refuse") == "Refused"
    assert answer("b", "no such request") == "UnknownRequest"
    assert answer("b", "unpicklable") == "NotSendable"
    assert answer("a", "echo", 1) == "CallingSelf"
    assert same.call("a", "whereis", "nobody") is None
    assert answer("b", "echo", 1) == "answer"


def test_what_pickle_cannot_carry_is_an_error_to_the_sender_alone(same: NodeUnderTest) -> None:
    pid = same.call("b", "pid")
    name, text = same.call("a", "pass_unpicklable", "b")
    assert (name, "Unpicklable" in text or "not this one" in text) == ("NotSendable", True)
    name, text = same.call("a", "pass_unreadable", "b")
    assert (name, "Local" in text) == ("NotSendable", True)
    assert same.call("b", "pid") == pid


def test_casts_and_calls_of_one_worker_keep_their_order(node: NodeUnderTest) -> None:
    assert node.call("d", "cast_then_call", "b", 500) == list(range(500))


def test_a_cast_to_nobody_or_to_a_dead_process_is_dropped(node: NodeUnderTest) -> None:
    assert node.call("a", "cast_other", "nobody", "remember", 1) == ["answer", None]
    node.client.supervisor("deep").terminate_child("c")
    assert node.call("a", "cast_other", "c", "remember", 1) == ["answer", None]


def test_a_cast_to_oneself_is_handled_after_this_message(node: NodeUnderTest) -> None:
    node.call("a", "cast_other", "a", "note_it", 7)
    node.logged("noted", 7)


def test_many_requests_are_under_way_and_answered_out_of_order(node: NodeUnderTest) -> None:
    for _ in range(3):
        node.call("a", "begin", "b", "later")
    node.call("a", "begin", "c", "echo", "first")
    for _ in range(3):
        node.logged("waits", "b")
    assert node.call("b", "release") == 3
    assert node.call("a", "results") == [
        ["answer", 0],
        ["answer", 1],
        ["answer", 2],
        ["answer", "first"],
    ]


@pytest.mark.parametrize("other", ["c", "e"])
def test_a_caller_can_be_answered_by_another_process(same: NodeUnderTest, other: str) -> None:
    assert same.call("a", "call_other", "b", "forward", other) == [
        "answer",
        f"answered by {'deep/c' if other == 'c' else 'deep/deeper/e'}",
    ]
    assert same.call("a", "call_other", "b", "echo", "next") == ["answer", "next"]


def test_a_client_too_can_be_answered_by_another_process(same: NodeUnderTest) -> None:
    assert same.call("b", "forward", "c") == "answered by deep/c"
    assert same.call("b", "echo", "next") == "next"


def test_the_server_killed_while_it_handles_is_told_at_once(node: NodeUnderTest) -> None:
    asked = ask(node, "a", "call_within", None, "b", "hang")
    node.logged("hangs", "b")
    node.kill("b")
    assert asked.result() == ["ProcessDown", "killed"]
    assert node.call("a", "call_other", "b", "echo", 1) == ["answer", 1]


def test_the_server_crashing_while_it_handles_is_told_why(node: NodeUnderTest) -> None:
    assert node.call("a", "call_other", "b", "crash") == [
        "ProcessDown",
        "error: ZeroDivisionError: on purpose",
    ]


def test_a_call_to_a_process_that_was_killed_goes_to_the_next_incarnation(
    node: NodeUnderTest,
) -> None:
    for name, path in (("b", "b"), ("c", "deep/c")):
        before = node.call("a", "call_other", name, "pid")
        node.kill(path)
        after = node.call("a", "call_other", name, "pid")
        assert (before[0], after[0]) == ("answer", "answer")
        assert before[1] != after[1]


def test_a_killed_supervisor_takes_the_others_links_along(node: NodeUnderTest) -> None:
    before = node.call("a", "call_other", "c", "pid")
    node.recover("deep")
    after = node.call("a", "call_other", "c", "pid")
    assert after[0] == "answer"
    assert before[1] != after[1]


def test_a_call_to_a_temporary_process_that_is_gone_is_refused(node: NodeUnderTest) -> None:
    assert node.call("a", "call_other", "e", "echo", 1) == ["answer", 1]
    node.kill("deep/deeper/e")
    assert node.call("a", "call_other", "e", "echo", 1)[0] == "NoProcess"


def test_several_are_called_at_the_same_time(same: NodeUnderTest) -> None:
    names = ["b", "deep/c", "nobody", "a", "b"]
    assert same.call("d", "call_many", names, "echo", 7) == [
        {"b": 7, "deep/c": 7},
        {"nobody": "NoProcess", "a": "UnknownRequest"},
    ]
    assert same.call("a", "call_many", ["a"], "echo", 7) == [{}, {"a": "CallingSelf"}]


def test_several_get_a_cast(node: NodeUnderTest) -> None:
    node.call("a", "cast_many_others", ["b", "nobody", "deep/c"], "remember", 5)
    node.logged("cast", 5)
    node.logged("cast", 5)


def test_late_replies_are_dropped(node: NodeUnderTest) -> None:
    assert node.call("a", "call_other", "b", "echo", 1) == ["answer", 1]  # they know each other
    assert node.call("a", "call_within", 0.1, "b", "later")[0] == "CallTimeout"
    node.logged("waits", "b")
    node.call("b", "release")
    assert node.call("a", "call_other", "b", "echo", "mine") == ["answer", "mine"]


def test_threads_of_a_worker_may_call_while_it_waits_for_them(same: NodeUnderTest) -> None:
    assert same.call("a", "call_in_threads", "c", 20) == list(range(20))


def test_a_process_that_a_worker_forked_is_no_worker(same: NodeUnderTest) -> None:
    assert same.call("a", "call_after_fork", "b") == ["OtpyError", 2]


def test_outside_a_tree_there_is_nobody_to_call() -> None:
    with pytest.raises(otpy.OtpyError, match="not a worker"):
        otpy.call("b", "echo", 1)


def test_two_workers_may_seek_each_other_at_the_same_time(node: NodeUnderTest) -> None:
    one = ask(node, "a", "cast_other", "d", "no such cast")
    two = ask(node, "d", "cast_other", "a", "no such cast")
    assert (one.result(), two.result()) == (["answer", None], ["answer", None])


def test_links_between_workers_leak_no_descriptor(node: NodeUnderTest) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{node.client['a'].pid}/fd").iterdir()))

    node.call("a", "call_other", "b", "pid")
    before = descriptors()
    for _ in range(20):
        node.kill("b")
        assert node.call("a", "call_other", "b", "pid")[0] == "answer"
    assert descriptors() <= before


def test_from_its_init_a_process_reaches_what_is_up_already(nodes: Nodes) -> None:
    node = nodes.run(
        """
        name: early
        children:
          - id: deep
            children:
              - {id: b, start: "tests.support.peer_workers:Listener", args: [WORK/log]}
              - {id: a, start: "tests.support.peer_workers:Early", args: [WORK/log, b]}
        """
    )
    assert node.call("a", "answered") == ["answer", 1]
    node.recover("deep")
    assert node.call("a", "answered") == ["answer", 1]


def test_links_to_children_that_come_and_go_are_let_go_of(nodes: Nodes) -> None:
    node = nodes.run(
        """
        name: passing
        children:
          - {id: a, start: "tests.support.peer_workers:Talker", args: [WORK/log]}
          - {id: pool, strategy: dynamic}
        """
    )
    pool = node.client.supervisor("pool")
    spec = {"start": "tests.support.peer_workers:Listener", "args": [str(node.work / "log")]}
    fds = Path(f"/proc/{node.client['a'].pid}/fd")
    for number in range(100):
        pool.start_child({"id": f"c{number}", "restart": "temporary", **spec})
        assert node.call("a", "call_other", f"c{number}", "echo", 1) == ["answer", 1]
        assert node.call(f"pool/c{number}", "echo", 2) == 2
        pool.terminate_child(f"c{number}")
    assert len(list(fds.iterdir())) < 64 * 3 + 20
