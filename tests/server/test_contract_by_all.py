"""The rows of gen_server's contract, whoever talks to the server: a client or another worker.

Each of them with an event loop and without one. What only one of them can do is tested elsewhere.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted
from tests.runtime.test_calls import Asked
from tests.support.askers import ASKERS, Asker, asker, with_askers
from tests.support.node import Nodes, NodeUnderTest

TREE = """
    name: all
    max_restarts: 1000
    children:
      - {id: a, start: "tests.support.workers:Contract", args: [WORK/log]}
      - {id: l, start: "tests.support.peer_workers:Listener", args: [WORK/log], shutdown: 1s}
      - {id: t, start: "tests.support.workers:Contract", args: [WORK/log], restart: temporary}
"""
REST = """\
      - {id: slow, start: "tests.support.workers:Remote", args: [WORK/slow, [ok, fifo]]}
      - {id: f, start: "tests.support.workers:answers", args: [WORK/log]}
      - {id: program, command: [sleep, "1000"]}
      - id: deep
        children:
          - {id: o, start: "tests.support.peer_workers:Listener", args: [WORK/log]}
          - {id: p, start: "tests.support.workers:Remote", args: [WORK/p], instances: 2}
"""

whole = pytest.mark.parametrize("rest", [REST], ids=[""])
"""Of a test that needs all children, and both of the workers that ask."""


@pytest.fixture(params=ASKERS)
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rest() -> str:
    return ""


@pytest.fixture
def node(nodes: Nodes, path: str, rest: str) -> NodeUnderTest:
    return nodes.run(with_askers(TREE + rest, *(ASKERS if rest else (path,))))


@pytest.fixture
def who(node: NodeUnderTest, path: str) -> Asker:
    return asker(path, node)


@pytest.fixture
def asks(shared: Callable[[str], NodeUnderTest], path: str) -> Asker:
    """Return what asks servers that all tests share: they are left as they were."""
    return asker(path, shared(with_askers(TREE + REST)))


def error(who: Asker, what: str, *args: Any, **options: Any) -> otpy.OtpyError:
    with pytest.raises(otpy.OtpyError) as caught:
        who.do(what, *args, **options)
    return caught.value


# ---- 2.2: what a call is answered by -----------------------------------------------------------


def test_a_call_is_answered_by_what_is_returned(asks: Asker) -> None:
    assert [
        asks.call("a", "return", result)
        for result in ("None", "Reply", "Reply None", "Reply and Timeout", "Reply and Continue")
    ] == [None, "a reply", None, "a reply", "a reply"]
    assert asks.call("a", "add", 1, 2) == 3
    assert asks.call("f", "hello") == ["answer to", "hello"]
    assert asks.call("deep/o", "echo", {"x": [1, None, "ä", b"\0"]}) == {"x": [1, None, "ä", b"\0"]}


def test_a_stop_with_a_reply_answers_after_terminate(node: NodeUnderTest, who: Asker) -> None:
    assert who.call("t", "return", "Stop with reply") == "a reply"
    assert node.log()[-1] == ["terminate", "why"]
    assert node.next(ChildEnded, path="t").reason == "why"


def test_a_reply_may_come_later_from_another_handler(node: NodeUnderTest, who: Asker) -> None:
    waits = Asked(lambda: who.call("a", "later"))
    while not node.call("a", "answer all", "now"):
        pass  # the request is on its way
    assert waits.result() == "now"


def test_a_reply_may_come_from_another_process(asks: Asker) -> None:
    assert asks.call("l", "forward", "o") == "answered by deep/o"
    assert asks.call("l", "echo", "next") == "next"


def test_a_refusal_and_an_unknown_request_leave_the_server_as_it_was(asks: Asker) -> None:
    pid = asks.call("l", "pid")
    assert str(error(asks, "call", "l", "refuse")) == "not today"
    assert isinstance(error(asks, "call", "l", "refuse"), otpy.Refused)
    for request in ("no such", ("echo", 1, 2, 3), "init", 17):
        assert isinstance(error(asks, "call", "l", request), otpy.UnknownRequest)
    assert asks.call("l", "pid") == pid


def test_what_is_continued_with_comes_before_what_waits(node: NodeUnderTest, who: Asker) -> None:
    who.cast("a", "return", "Continue 2")
    who.cast("a", "put", "after")
    assert who.call("a", "notes") == "here"
    continued = [["continue", 2], ["continue", 1], ["continue", 0]]
    assert node.log() == [["cast", "Continue 2"], *continued, ["put", "after"]]


def test_any_message_ends_a_timeout(node: NodeUnderTest, who: Asker) -> None:
    assert who.call("a", "return", "Reply and Timeout") == "a reply"
    node.logged("info", "timeout")
    who.cast("a", "return", "long Timeout")
    assert who.call("a", "after", 0.0, "a timer") is None
    node.logged("info", "a timer")
    assert node.log()[1:] == [["cast", "long Timeout"], ["info", "a timer"]]


# ---- 2.3: terminate ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (("return", "Stop why"), "why"),
        (("return", "Stop"), "normal"),
        ("type_error", "error: TypeError: of its own"),
    ],
)
def test_the_reason_of_the_end_is_told_and_terminate_ran(
    node: NodeUnderTest, who: Asker, request_: Any, reason: str
) -> None:
    request = request_ if isinstance(request_, tuple) else (request_,)
    down = error(who, "call", "t", *request, timeout=None)
    assert isinstance(down, otpy.ProcessDown)
    assert down.reason == reason
    assert ("in type_error" in down.traceback) == (request_ == "type_error")
    assert node.log() == [["terminate", reason]]
    assert node.next(ChildEnded, path="t").reason == reason
    assert isinstance(error(who, "call", "t", "notes"), otpy.NoProcess)


@pytest.mark.parametrize("how", ["return", "after"])
def test_casts_and_messages_stop_the_server(node: NodeUnderTest, who: Asker, how: str) -> None:
    if how == "return":
        who.cast("t", "return", "Stop why")
    else:
        who.call("t", "after", 0.0, ["return", "Stop why"])
    node.client["a"].cast("put", "meanwhile")
    assert node.next(ChildEnded, path="t").reason == "why"
    assert ["terminate", "why"] in node.log()


# ---- 2.4: call, cast ---------------------------------------------------------------------------


@whole
def test_who_is_not_there_is_told_at_once(node: NodeUnderTest, who: Asker) -> None:
    node.client.supervisor().terminate_child("a")
    for name in ("nobody", "a", "deep", "program", "deep/nobody", "", "@gateway"):
        assert isinstance(error(who, "call", name, "notes", timeout=None), otpy.NoProcess), name
        assert who.do("cast", name, "notes") is None


def test_a_late_reply_reaches_nobody(node: NodeUnderTest, who: Asker) -> None:
    assert who.call("l", "echo", 1) == 1
    # Long enough for a client that connects first, on a busy machine too.
    assert isinstance(error(who, "call", "l", "later", timeout=2.0), otpy.CallTimeout)
    node.logged("waits", "l")
    assert who.call("l", "release") == 1  # the server did the work all the same
    assert who.call("l", "echo", "mine") == "mine"


def test_a_server_that_is_killed_as_it_handles_is_told_at_once(
    node: NodeUnderTest, who: Asker
) -> None:
    waits = Asked(lambda: who.call("l", "hang"))
    node.logged("hangs", "l")
    node.kill("l")
    assert isinstance(waits.result(), otpy.ProcessDown)
    assert waits.result().reason == "killed"
    assert who.call("l", "echo", 2) == 2


def test_a_server_that_is_stopped_as_it_handles_is_told(node: NodeUnderTest, who: Asker) -> None:
    waits = Asked(lambda: who.call("a", "later"))
    while not node.client["a"].get_state()["waiting"]:
        pass  # the request is on its way
    node.client.supervisor().terminate_child("a")
    assert isinstance(waits.result(), otpy.ProcessDown)
    assert waits.result().reason == "shutdown"


@whole
def test_after_kill_9_the_next_incarnation_answers(node: NodeUnderTest, who: Asker) -> None:
    before = who.call("deep/o", "pid")
    for _ in range(3):
        node.kill("deep/o")
        after = who.call("deep/o", "pid")
        assert after != before
        before = after
    node.recover("deep")
    assert who.call("o", "pid") != before


def test_casts_and_calls_keep_their_order(node: NodeUnderTest, who: Asker) -> None:
    for number in range(50):
        who.cast("l", "remember", number)
    assert who.call("l", "remembered") == list(range(50))


def test_many_requests_are_answered_each_by_its_own(asks: Asker) -> None:
    assert [asks.do("send_request", "l", "echo", number) for number in range(5)] == list(range(5))
    assert isinstance(error(asks, "send_request", "nobody", "echo", 1), otpy.NoProcess)


@whole
def test_several_are_called_and_cast_to(node: NodeUnderTest, who: Asker) -> None:
    replies, bad = who.do("multi_call", ["l", "o", "nobody", "a", "l"], "echo", 7, timeout=60.0)
    assert replies == {"l": 7, "o": 7}
    assert sorted(bad) == ["a", "nobody"]
    assert isinstance(bad["nobody"], otpy.NoProcess)
    assert isinstance(bad["a"], otpy.UnknownRequest)
    assert who.do("abcast", ["l", "nobody", "o"], "remember", 5) is None
    assert [who.call(name, "remembered") for name in ("l", "o")] == [[5], [5]]


@whole
def test_late_replies_to_several_reach_nobody(node: NodeUnderTest, who: Asker) -> None:
    replies, bad = who.do("multi_call", ["l", "o"], "later", timeout=0.2)
    assert (replies, sorted(bad)) == ({}, ["l", "o"])
    assert all(isinstance(each, otpy.CallTimeout) for each in bad.values())
    assert [who.call(name, "echo", name) for name in ("l", "o")] == ["l", "o"]


def test_a_key_finds_its_instance(asks: Asker) -> None:
    names = [asks.do("call", "p", "number", key=key)[1] for key in (0, 1, 2, 3, -1)]
    assert names == ["deep/p/0", "deep/p/1", "deep/p/0", "deep/p/1", "deep/p/1"]
    assert asks.call("p", "number")[1] in {"deep/p/0", "deep/p/1"}


# ---- bad input ---------------------------------------------------------------------------------


def test_a_reply_that_cannot_be_sent_is_an_error_to_the_caller_alone(asks: Asker) -> None:
    pid = asks.call("l", "pid")
    assert isinstance(error(asks, "call", "l", "unpicklable"), otpy.NotSendable)
    assert isinstance(error(asks, "call", "l", "too_large"), otpy.FrameTooLarge)
    assert asks.call("l", "pid") == pid


# ---- the registry ------------------------------------------------------------------------------


@whole
def test_who_is_registered_is_found_and_told(node: NodeUnderTest, who: Asker) -> None:
    for path in ("worker", "aio-worker"):
        asker(path, node).do("register", ["news", 1], path)
    found = who.do("lookup", ["news", 1])
    assert [(each.path, each.value) for each in found] == [
        ("worker", "worker"),
        ("aio-worker", "aio-worker"),
    ]
    assert [each.pid for each in found] == [node.pids()[each.path] for each in found]
    assert who.do("dispatch", ["news", 1], "hear, hear") == 2
    for path in ("worker", "aio-worker"):
        node.logged("info", path, "hear, hear")
        asker(path, node).do("unregister", ["news", 1])
    assert (who.do("lookup", ["news", 1]), who.do("dispatch", ["news", 1], 1)) == ([], 0)


@whole
def test_a_name_is_called(node: NodeUnderTest, who: Asker) -> None:
    asker("worker", node).do("register_name", "headquarters")
    assert who.do("sys.statistics", "headquarters").path == "worker"
    assert os.getpid() != node.client["headquarters"].pid == node.pids()["worker"]
    node.recover("worker")
    assert isinstance(error(who, "sys.statistics", "headquarters"), otpy.NoProcess)


# ---- restarts ----------------------------------------------------------------------------------


@whole
def test_a_call_waits_for_a_child_that_is_being_restarted(node: NodeUnderTest, who: Asker) -> None:
    fifo = node.work / "slow.fifo"
    os.mkfifo(fifo)
    node.kill("slow")
    node.next(ChildEnded, path="slow")
    assert who.do("cast", "slow", "increment_later") is None  # it is dropped
    waits = Asked(lambda: who.call("slow", "identity"))
    fifo.write_bytes(b"go on")
    assert waits.result()[1] == 2
    assert node.next(ChildStarted, path="slow").incarnation == 2
    assert who.call("slow", "get_count") == 0
