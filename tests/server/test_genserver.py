"""What a GenServer's callbacks may do and return, and what follows."""

from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.events import ChildEnded, ChildIgnored, ChildStarted, ChildStartFailed
from tests.runtime.test_calls import ask
from tests.support.node import Nodes, NodeUnderTest

SERVER = "tests.support.workers:Contract"


def tree(result: str = "None", restart: str = "temporary") -> str:
    return f"""
        name: contract
        max_restarts: 100
        children:
          - {{id: a, start: "{SERVER}", args: [WORK/log, {result}],
             restart: {restart}}}
        """


def contract(nodes: Nodes, result: str = "None", restart: str = "temporary") -> NodeUnderTest:
    return nodes.start(tree(result, restart))


def crash(node: NodeUnderTest, *request: object) -> otpy.ProcessDown:
    with pytest.raises(otpy.ProcessDown) as caught:
        node.call("a", *request)
    return caught.value


# ---- init --------------------------------------------------------------------------------------


def test_init_may_ignore_and_the_spec_of_a_permanent_child_stays(nodes: Nodes) -> None:
    node = contract(nodes, "Ignore", "permanent").up()
    assert [event.incarnation for event in node.seen(ChildIgnored, path="a")] == [1]
    (row,) = node.client.supervisor().which_children()
    assert (row.id, row.state, row.pid) == ("a", "undefined", None)
    assert node.log() == []


def test_what_init_continues_with_comes_before_any_message(nodes: Nodes) -> None:
    node = contract(nodes, "Continue 2").up()
    assert node.call("a", "notes") == "here"
    assert node.log() == [["continue", 2], ["continue", 1], ["continue", 0]]


def test_init_may_ask_for_a_timeout(nodes: Nodes) -> None:
    node = contract(nodes, "Timeout").up()
    node.logged("info", "timeout")


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ("Stop why", "why"),
        ("nonsense", "error: TypeError: init returned 5, expected None"),
        ("Reply", "error: TypeError: init returned Reply("),
    ],
)
def test_init_may_fail(nodes: Nodes, result: str, reason: str) -> None:
    node = contract(nodes, result)
    assert node.wait() == 1
    assert node.next(ChildStartFailed, path="a").reason.startswith(reason)
    assert node.log() == [], "terminate does not run when init failed"


# ---- handle_call -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "reply"),
    [("None", None), ("nonsense", 5), ("Reply", "a reply"), ("Reply None", None)],
)
def test_a_call_is_answered_by_what_is_returned(nodes: Nodes, result: str, reply: Any) -> None:
    node = contract(nodes).up()
    assert node.call("a", "return", result) == reply


def test_a_caller_may_be_answered_later_and_once(nodes: Nodes) -> None:
    node = contract(nodes).up()
    asked = [ask(node, "a", "later") for _ in range(5)]
    while node.call("a", "answer all", "now") < 5:
        pass
    assert [each.result() for each in asked] == ["now"] * 5
    assert node.call("a", "notes") == "here"


def test_who_waits_for_a_later_answer_hears_of_the_end(nodes: Nodes) -> None:
    node = contract(nodes).up()
    asked = ask(node, "a", "return", "NoReply")
    node.logged("call", "NoReply")
    node.client["a"].cast(("return", "Stop why"))
    error = asked.result()
    assert isinstance(error, otpy.ProcessDown)
    assert error.reason == "why"


def test_an_answer_may_come_before_the_crash(nodes: Nodes) -> None:
    node = contract(nodes).up()
    assert node.call("a", "reply and raise", 5) == 5
    assert node.next(ChildEnded, path="a").reason == "error: RuntimeError: after the reply"


def test_reply_and_go_on(nodes: Nodes) -> None:
    node = contract(nodes, restart="permanent").up()
    assert node.call("a", "return", "Reply and Continue") == "a reply"
    node.logged("continue", 0)
    assert node.call("a", "return", "Reply and Timeout") == "a reply"
    node.logged("info", "timeout")
    assert node.call("a", "return", "Reply and Stop") == "a reply"
    assert node.next(ChildEnded, path="a").reason == "done"


@pytest.mark.parametrize(
    ("result", "reply"), [("Stop with reply", "a reply"), ("Stop with None", None)]
)
def test_stop_with_a_reply_answers_after_terminate(nodes: Nodes, result: str, reply: Any) -> None:
    node = contract(nodes).up()
    assert node.call("a", "return", result) == reply
    assert node.log() == [["terminate", "why"]]
    assert node.next(ChildEnded, path="a").reason == "why"


def test_stop_without_a_reply_is_told_to_the_caller(nodes: Nodes) -> None:
    node = contract(nodes).up()
    assert crash(node, "return", "Stop").reason == "normal"
    assert node.log() == [["terminate", "normal"]]


@pytest.mark.parametrize("result", ["Continue", "Timeout"])
def test_a_call_is_not_answered_by_what_only_other_callbacks_return(
    nodes: Nodes, result: str
) -> None:
    node = contract(nodes).up()
    assert crash(node, "return", result).reason.startswith("error: TypeError: handle_call returned")


def test_a_refusal_is_no_crash(nodes: Nodes) -> None:
    node = contract(nodes).up()
    with pytest.raises(otpy.Refused, match=r"^not today$"):
        node.call("a", "refuse", "not today")
    node.client["a"].cast(("refuse", "not today"))
    assert node.call("a", "notes") == "here"
    node.says(r"^a . Refused: not today$")


def test_a_refusal_may_be_of_a_class_of_its_own_and_say_anything(nodes: Nodes) -> None:
    node = contract(nodes).up()
    for how in ("subclass", "object", "surrogate", "unprintable"):
        with pytest.raises(otpy.Refused):
            node.call("a", "refuse oddly", how)
    assert node.seen(ChildEnded, path="a") == []


@pytest.mark.parametrize(
    "request_",
    [
        "unknown",
        "",
        "init",
        "terminate",
        "not_marked",
        "__class__",
        5,
        None,
        [],
        ["add"],
        ["add", "too", "many", "arguments"],
        ["put", 5],
        {"add": 1},
        [["add"]],
        "put",
    ],
)
def test_an_unknown_request_is_answered_and_the_server_goes_on(
    shared: Callable[[str], NodeUnderTest], request_: object
) -> None:
    node = shared(tree())
    with pytest.raises(otpy.UnknownRequest, match="Contract has no handler for call"):
        node.call("a", request_)
    assert node.call("a", "add", 1, 2) == 3
    assert node.seen(ChildEnded, path="a") == []


def test_marked_methods_take_requests_of_their_name(nodes: Nodes) -> None:
    node = contract(nodes).up()
    assert node.call("a", "add", 1) == 2
    assert node.call("a", "add", 1, 5) == 6
    assert node.call("a", ("add", 1, 5)) == 6
    node.client["a"].cast("put", 5)
    node.logged("put", 5)


def test_a_type_error_inside_a_method_is_a_crash_of_the_server(nodes: Nodes) -> None:
    node = contract(nodes).up()
    assert crash(node, "add", "one", "two").reason.startswith("error: TypeError")


def test_a_wrong_type_error_is_not_taken_for_a_wrong_request(nodes: Nodes) -> None:
    node = contract(nodes).up()
    assert crash(node, "type_error").reason == "error: TypeError: of its own"


def test_a_reply_that_cannot_be_sent_is_an_error_that_names_its_type(nodes: Nodes) -> None:
    node = contract(nodes).up()
    for _ in range(2):
        with pytest.raises(otpy.NotSendable, match="object"):
            node.call("a", "return", "object")
    assert node.call("a", "notes") == "here"


# ---- the other callbacks -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cast", "info"])
@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ("Stop", "normal"),
        ("Stop why", "why"),
        ("Continue stop", "continued"),
        ("nonsense", "error: TypeError: handle_{kind} returned 5, expected None"),
        ("Reply", "error: TypeError: handle_{kind} returned Reply("),
        ("NoReply", "error: TypeError: handle_{kind} returned NoReply"),
    ],
)
def test_casts_and_messages_may_stop_the_server(
    nodes: Nodes, kind: str, result: str, reason: str
) -> None:
    node = contract(nodes).up()
    if kind == "cast":
        node.client["a"].cast(("return", result))
    else:
        node.call("a", "after", 0.0, ("return", result))
    end = node.next(ChildEnded, path="a")
    assert end.reason.startswith(reason.format(kind=kind))
    # A message that ended the server in order tells nothing, and may hold secrets (4.21).
    assert bool(end.message) is (result != "Stop")
    assert node.log()[-1][0] == "terminate"
    assert node.log()[-1][1] == end.reason


def test_an_unknown_cast_or_message_is_noted_and_dropped(nodes: Nodes) -> None:
    node = nodes.run("""
        name: unknown
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.client["a"].cast("what", 5)
    node.says(r"^a . UnknownRequest: Remote has no handler for cast \('what', 5\)$")
    assert node.call("a", "increment") == 1


def test_a_timeout_comes_if_nothing_else_does(nodes: Nodes) -> None:
    node = contract(nodes).up()
    node.client["a"].cast(("return", "long Timeout"))
    assert node.call("a", "notes") == "here"  # any message ends it
    node.client["a"].cast(("return", "Timeout 0"))
    node.logged("info", "timeout")
    assert node.call("a", "notes") == "here"
    assert node.log() == [["cast", "long Timeout"], ["cast", "Timeout 0"], ["info", "timeout"]]


@pytest.mark.parametrize("message", [("note", "x"), ("refuse", "no"), "unknown"])
def test_any_message_ends_a_timeout_for_good(nodes: Nodes, message: object) -> None:
    node = contract(nodes).up()
    # Together, so that the second is there when the first asks for a timeout.
    node.client["a"].cast_many([("return", "Timeout"), message])
    node.call("a", "after", 0.1, "later")
    node.logged("info", "later")
    assert ["info", "timeout"] not in node.log()


def test_a_timeout_comes_once(nodes: Nodes) -> None:
    node = contract(nodes).up()
    node.client["a"].cast("return", "Timeout")
    node.logged("info", "timeout")
    node.call("a", "after", 0.1, "later")
    node.logged("info", "later")
    assert node.log() == [["cast", "Timeout"], ["info", "timeout"], ["info", "later"]]


def test_what_is_continued_with_comes_before_messages_that_wait(nodes: Nodes) -> None:
    node = contract(nodes).up()
    node.client["a"].cast_many([("return", "Continue 2"), ("note", "x"), ("return", "Continue 2")])
    continued = [["cast", "Continue 2"], ["continue", 2], ["continue", 1], ["continue", 0]]
    node.until(lambda: node.log() == [*continued, ["cast", "x"], *continued], "all in order")


def test_messages_that_were_sent_for_later_come_in_order_of_their_time(nodes: Nodes) -> None:
    node = contract(nodes).up()
    for seconds, text in ((0.2, "third"), (0.1, "second"), (0.0, "first")):
        node.call("a", "after", seconds, text)
    node.logged("info", "third")
    assert node.log() == [["info", "first"], ["info", "second"], ["info", "third"]]


def test_a_message_for_the_far_future_disturbs_nobody(nodes: Nodes) -> None:
    node = contract(nodes).up()
    node.call("a", "after", 1e300, "never")
    node.call("a", "after", 0.0, "now")
    node.logged("info", "now")


# ---- what is known afterwards ------------------------------------------------------------------


def test_a_crash_leaves_a_post_mortem(nodes: Nodes) -> None:
    node = nodes.run("""
        name: mortem
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.call("a", "say", "first line\nsecond ")
    node.call("a", "say", "line\n")
    node.call("a", "allocate", 100_000_000)
    error = crash(node, "crash", "boom")
    end = node.next(ChildEnded, path="a")
    assert end.reason == error.reason == "error: RuntimeError: boom"
    assert end.traceback == error.traceback
    assert end.traceback.splitlines()[-1] == "RuntimeError: boom"
    assert "workers.py" in end.traceback
    assert "/otpy/runtime/" not in end.traceback
    assert end.message == "call ('crash', 'boom')"
    assert end.output.startswith("first line\nsecond line\n")
    assert end.peak_memory > 100_000_000
    assert 0 < end.uptime < 3600
    assert (end.kind, end.incarnation, end.asked, end.clean) == ("worker", 1, False, False)
    again = node.next(ChildStarted, path="a")
    assert again.incarnation == 2


def test_output_is_passed_on_line_by_line_with_the_workers_name(nodes: Nodes) -> None:
    node = nodes.run("""
        name: output
        children:
          - id: branch
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.call("a", "say", "one\ntwo\nhal")
    node.says(r"^branch/a . two$")
    assert "hal" not in node.output
    node.call("a", "say", "from stderr\n", "stderr")
    node.says(r"^branch/a . from stderr$")
    assert "hal\n" not in node.output
    node.call("a", "say", "f\n")
    node.says(r"^branch/a . half$")
    node.call("a", "say", "no newline at the end")
    node.kill("branch/a")
    node.says(r"^branch/a . no newline at the end$")
    assert node.next(ChildEnded, path="branch/a").output == (
        "one\ntwo\nfrom stderr\nhalf\nno newline at the end"
    )


def test_a_worker_may_close_its_output(nodes: Nodes) -> None:
    node = nodes.run("""
        name: closed
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.call("a", "close_output")
    node.call("a", "increment")
    node.recover("a")
    node.call("a", "say", "again\n")
    node.says(r"^a . again$")


@pytest.mark.parametrize(
    "text",
    ["bad \udcff byte", "\0", "x" * 10_000_000, "line\nline", "\x1b[31mred", "\u2028"],
    ids=["surrogate", "nul", "ten megabytes", "two lines", "escape", "separator"],
)
def test_no_text_of_an_exception_harms_anybody_else(nodes: Nodes, text: str) -> None:
    node = nodes.run("""
        name: texts
        children:
          - {id: a, start: "tests.support.workers:Texts"}
        """)
    pids = node.pids()
    escaped = text.encode("unicode_escape").decode()[:10_000]
    error = crash(node, "raise", escaped, len(text))
    end = node.next(ChildEnded, path="a")
    assert end.reason == error.reason
    assert end.reason.startswith("error: RuntimeError: ")
    assert len(end.reason) < 5000
    assert len(end.traceback) < 200_000
    node.next(ChildStarted, path="a")
    after = node.pids()
    assert {path: after[path] for path in ("", "@gateway")} == {
        path: pids[path] for path in ("", "@gateway")
    }


def test_an_exception_that_cannot_be_shown_is_still_a_reason(nodes: Nodes) -> None:
    node = nodes.run("""
        name: texts
        children:
          - {id: a, start: "tests.support.workers:Texts"}
        """)
    error = crash(node, "raise unprintable")
    assert error.reason == "error: Unprintable: its text cannot be told"
    assert node.next(ChildEnded, path="a").reason == error.reason
