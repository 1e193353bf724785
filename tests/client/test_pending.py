# Generated from tests/aio/test_pending.py by scripts/generate_blocking.py; do not edit.

"""Requests that are under way while their sender goes on."""

import os
import signal

import pytest

from otpy import Node
from otpy.errors import (
    CallTimeout,
    FrameTooLarge,
    NoProcess,
    NotSendable,
    ProcessDown,
    Refused,
)
from tests.client.fake_node import FakeNode
from tests.client.in_threads import wait_for_kept


def test_many_are_under_way_on_one_link(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    pending = [counter.send_request("increment", 1) for _ in range(300)]
    assert counter.call("get") == 300
    assert [each.result() for each in reversed(pending)] == list(range(300, 0, -1))
    assert counter.call("links") == 1


def test_answers_come_in_any_order(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    kept = node["counter"].send_request("keep")
    other = node["counter"].send_request("increment", 5)
    assert other.result() == 5
    assert not kept.done()
    assert other.done()
    assert node["counter"].call("release") == "released"
    assert kept.done()
    assert kept.result() == "late"


def test_a_result_may_be_asked_for_again(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    kept, refused = counter.send_request("keep"), counter.send_request("refuse")
    for _ in range(2):
        with pytest.raises(CallTimeout, match="did not answer within"):
            kept.result(timeout=0.001)
        with pytest.raises(Refused):
            refused.result()
    assert (kept.done(), refused.done()) == (False, True)
    counter.cast("release")
    counter.call("release")
    assert [kept.result(), kept.result()] == ["late", "late"]


def test_more_than_the_pipes_hold_may_be_under_way(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    value = b"x" * 40_000
    pending = [node["counter"].send_request("echo", value) for _ in range(100)]
    assert [each.result() for each in pending] == [value] * 100


def test_what_is_forgotten_is_dropped(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    for _ in range(20):
        counter.send_request("increment", 1)
    assert counter.call("get") == 20
    assert counter._link is not None
    assert not counter._link._waiters


def test_a_request_that_was_read_is_told_of_the_death(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    kept = node["counter"].send_request("keep")
    wait_for_kept(node["counter"], 1)
    worker.kill()
    with pytest.raises(ProcessDown, match="killed"):
        kept.result()
    with pytest.raises(ProcessDown, match="killed"):
        kept.result()
    assert node["counter"].call("get") == 0


def test_a_request_that_was_not_read_goes_to_the_next_incarnation(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    counter = node["counter"]
    pid = counter.call("pid")
    os.kill(pid, signal.SIGSTOP)
    pending = [counter.send_request("increment", 1) for _ in range(3)]
    os.kill(pid, signal.SIGKILL)
    assert [each.result() for each in pending] == [1, 2, 3]


def test_what_goes_wrong_is_told_by_the_result(fake: FakeNode, node: Node) -> None:
    pending = node["nobody"].send_request("get")
    assert pending.done()
    with pytest.raises(NoProcess):
        pending.result()


@pytest.mark.parametrize("name", ["counter", "nobody"])
def test_what_cannot_be_sent_is_told_at_once(fake: FakeNode, node: Node, name: str) -> None:
    fake.add("counter")
    with pytest.raises(NotSendable):
        node[name].send_request(object())
    with pytest.raises(FrameTooLarge):
        node[name].send_request("x" * (65 << 20))


def test_several_are_called_at_the_same_time(fake: FakeNode, node: Node) -> None:
    for name in ("a", "b", "c"):
        fake.add(name)
    node["b"].call("increment", 7)
    replies, bad = node.multi_call(["a", "b", "nobody", "c", "a"], "get")
    assert replies == {"a": 0, "b": 7, "c": 0}
    assert [(name, type(error)) for name, error in bad.items()] == [("nobody", NoProcess)]


def test_who_does_not_answer_in_time_holds_up_nobody(fake: FakeNode, node: Node) -> None:
    fake.add("stuck")
    fake.add("dies")
    fake.add("b")
    assert node["b"].call("get") == 0  # its link is there
    os.kill(node["stuck"].call("pid"), signal.SIGSTOP)
    for seconds in (1, 10, 100):  # all of it is over before `b` has run, on a busy machine
        replies, bad = node.multi_call(["stuck", "b"], "increment", 0, timeout=seconds)
        if replies:
            break
    assert replies == {"b": 0}
    assert {name: str(error) for name, error in bad.items()} == {
        "stuck": f"'stuck' did not answer within {seconds} s"
    }
    replies, bad = node.multi_call(["dies"], "die")
    assert (replies, str(bad["dies"])) == ({}, "killed")


def test_a_cast_to_several(fake: FakeNode, node: Node) -> None:
    for name in ("a", "b"):
        fake.add(name)
    node.abcast(["a", "nobody", "b"], "increment", 5)
    assert node.multi_call(["a", "b"], "get") == ({"a": 5, "b": 5}, {})
    with pytest.raises(NotSendable):
        node.abcast(["nobody"], object())
