# Generated from tests/aio/test_call.py by scripts/generate_blocking.py; do not edit.

"""What a call sends, and what it gives back."""

import math

import pytest

from otpy import Node
from otpy.errors import (
    CallTimeout,
    FrameTooLarge,
    NoProcess,
    NotSendable,
    OtpyError,
    ProtocolError,
    Refused,
    StartFailed,
    UnknownRequest,
)
from tests.client.fake_node import FakeNode


def test_a_call_returns_the_reply(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    assert counter.call("get") == 0
    assert counter.call("increment", 5) == 5
    assert counter.call(("increment", 2)) == 7
    assert node["counter"] is counter
    assert repr(counter) == "<Ref counter of fake>"


def test_any_value_of_messagepack_passes(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    values: list[object] = [None, True, -1, 1.5, "é", b"\0", [1, [2]], {"a": {"b": []}}, 2**63]
    for value in [*values, b"x" * (3 << 20)]:
        assert node["counter"].call("echo", value) == value


def test_a_cast_is_done_before_the_next_call(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    for _ in range(100):
        node["counter"].cast("increment", 1)
    assert node["counter"].call("get") == 100


def test_many_casts_go_in_order_with_calls(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    counter.cast_many(("append", i) for i in range(1000))
    counter.cast("append", 1000)
    counter.cast_many([])
    counter.cast_many([("append", 1001), "x" * 100_000, ("append", 1002)])
    assert counter.call("appended") == list(range(1003))


def test_of_many_casts_those_before_the_one_that_cannot_be_sent_go(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter", "small frames")
    counter = node["counter"]
    assert counter.call("get") == 0
    for wrong, error in ((object(), NotSendable), ("x" * 1000, FrameTooLarge)):
        with pytest.raises(error):
            counter.cast_many([("increment", 1)] * 300 + [wrong] + [("increment", 1)] * 300)
    assert counter.call("get") == 600
    counter.cast_many(["x" * 900] * 3 + [("increment", 1)])  # each is small enough by itself
    assert counter.call("get") == 601


def test_two_names_of_one_process_share_a_link(fake: FakeNode, node: Node) -> None:
    fake.add("pool/worker")
    node["worker"].cast("increment", 1)
    assert node["pool/worker"].call("get") == 1
    assert node["pool/worker"]._link is node["worker"]._link


def test_a_refusal_is_raised_and_the_server_goes_on(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    with pytest.raises(Refused, match="amount must be positive"):
        counter.call("refuse")
    with pytest.raises(UnknownRequest, match="mumble"):
        counter.call("mumble")
    with pytest.raises(StartFailed) as caught:
        counter.call("error", "StartFailed", ["no", "Traceback"])
    assert (caught.value.reason, caught.value.traceback) == ("no", "Traceback")
    assert counter.call("get") == 0


@pytest.mark.parametrize("name", ["SystemExit", "Sequence", "nonsense", "FrameTooLarge"])
def test_an_error_of_another_version_is_an_otpy_error(
    fake: FakeNode, node: Node, name: str
) -> None:
    fake.add("counter")
    with pytest.raises(OtpyError) as caught:
        node["counter"].call("error", name, ["why"])
    assert type(caught.value) is OtpyError
    assert str(caught.value) == f"{name}: why"


def test_a_process_that_does_not_exist(fake: FakeNode, node: Node) -> None:
    with pytest.raises(NoProcess, match="nobody"):
        node["nobody"].call("get")
    with pytest.raises(NoProcess):
        _ = node["nobody"].pid
    node["nobody"].cast("get")
    node["nobody"].cast_many(["get", "get"])


def test_what_cannot_be_sent_is_told(fake: FakeNode, node: Node) -> None:
    fake.add("counter", "small frames")
    counter = node["counter"]
    for _ in range(2):  # on a new link, and on one that is there
        with pytest.raises(NotSendable, match=r"cannot send a tuple: .*object is unsupported"):
            counter.call("echo", object())
        with pytest.raises(NotSendable, match="cannot send a object"):
            counter.cast(object())
        assert counter.call("get") == 0
    nobody = node["nobody"]
    with pytest.raises(NotSendable):
        nobody.cast(object())
    with pytest.raises(NotSendable):
        nobody.cast_many([object()])
    with pytest.raises(NotSendable):
        nobody.send_request(object())
    with pytest.raises(NotSendable):
        node.multi_call(["nobody"], object())
    assert counter.call("echo", "x" * 900) == "x" * 900
    with pytest.raises(FrameTooLarge, match="over max_frame, which is 1000 bytes"):
        counter.call("echo", "x" * 1000)
    with pytest.raises(FrameTooLarge):
        counter.cast("x" * 1000)
    assert counter.call("get") == 0


def test_a_late_reply_never_reaches_the_next_call(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    assert counter.call("get") == 0  # from here on there is a link
    for _ in range(3):
        with pytest.raises(CallTimeout, match=r"'counter' did not answer within 0.01 s"):
            counter.call("keep", timeout=0.01)
    assert counter.call("release") == "released"
    assert counter.call("get") == 0


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, "5"])
def test_a_timeout_is_seconds_above_zero(fake: FakeNode, node: Node, timeout: float) -> None:
    fake.add("counter")
    with pytest.raises(ValueError, match="timeout is seconds above zero, or None for ever"):
        node["counter"].call("get", timeout=timeout)


def test_a_timeout_may_be_long(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    for timeout in (None, 1e-6 + 30, 10**9):
        assert node["counter"].call("get", timeout=timeout) == 0


def test_nonsense_from_a_worker_is_a_protocol_error(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    with pytest.raises(ProtocolError, match=r"not a message of a worker"):
        node["counter"].call("nonsense")
    assert node["counter"].call("get") == 0


def test_a_closed_node_says_so(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    assert counter.call("get") == 0
    node.close()
    node.close()
    with pytest.raises(ValueError, match="the connection to node 'fake' is closed"):
        counter.call("get")
    with pytest.raises(ValueError, match="the connection to node 'fake' is closed"):
        node.tree()
