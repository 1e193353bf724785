"""Messages for later, and how they are taken back (erlang:send_after, erlang:cancel_timer)."""

import pytest

import otpy
from otpy import TimerRef
from otpy.runtime.worker.timers import Timers
from tests.support.node import Nodes, NodeUnderTest


def timed(nodes: Nodes) -> NodeUnderTest:
    return nodes.run("""
        name: timed
        children:
          - {id: a, start: "tests.support.contract_workers:Timed", args: [WORK/log]}
        """)


def test_a_cancelled_message_never_arrives_and_its_time_left_is_told(nodes: Nodes) -> None:
    node = timed(nodes)
    node.call("a", "start", "late", 3600.0)
    assert 3000 < node.call("a", "cancel", "late") <= 3600
    node.call("a", "start", "cancelled", 0.5)
    assert 0 <= node.call("a", "cancel", "cancelled") <= 0.5
    node.call("a", "start", "kept", 0.6)
    node.logged("info", "kept")
    assert node.log() == [["info", "kept"]]


def test_a_message_that_was_handled_or_cancelled_cannot_be_cancelled(nodes: Nodes) -> None:
    node = timed(nodes)
    node.call("a", "start", "done", 0.0)
    node.logged("info", "done")
    assert node.call("a", "cancel", "done") is None
    node.call("a", "start", "late", 3600.0)
    assert node.call("a", "cancel", "late") is not None
    assert node.call("a", "cancel", "late") is None


def test_a_message_that_is_due_can_still_be_cancelled(nodes: Nodes) -> None:
    node = nodes.run("""
        name: due
        children:
          - {id: a, start: "tests.support.contract_workers:CancelsWhatIsDue", args: [WORK/log]}
        """)
    node.logged("info", "last")
    assert node.log() == [
        ["info", "first"],
        ["left", 0.0],
        ["left", None],
        ["left", None],
        ["info", "last"],
    ]


def test_many_timers_may_be_set_and_cancelled(nodes: Nodes) -> None:
    assert timed(nodes).call("a", "start_and_cancel", 10_000) is True


def test_only_a_timer_can_be_cancelled(nodes: Nodes) -> None:
    with pytest.raises(otpy.ProcessDown, match="cancel_timer takes what send_after returned"):
        timed(nodes).call("a", "cancel_nonsense")


def test_cancelled_timers_take_no_room_and_wake_nobody() -> None:
    heap: list[tuple[float, int, TimerRef]] = []
    timers = Timers(heap)
    kept = [timers.start(1000.0 + n, n) for n in range(10)]
    for n in range(1000):
        timers.cancel(timers.start(2000.0 + n, "cancelled"))
    assert len(heap) <= 2 * len(kept)
    timers.cancel(kept[0])
    assert heap[0][0] == 1001.0
    assert list(timers.take_due(1002.0)) == [1, 2]
    for timer in kept[3:]:
        timers.cancel(timer)
    assert heap == []
    assert list(timers.take_due(9000.0)) == []


def test_messages_of_one_time_come_in_the_order_they_were_sent() -> None:
    timers = Timers([])
    set_ = [timers.start(5.0, n) for n in range(5)]
    timers.cancel(set_[2])
    assert list(timers.take_due(4.0)) == []
    assert list(timers.take_due(5.0)) == [0, 1, 3, 4]
