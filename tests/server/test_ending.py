"""A server's end is told first; what is left of it has the rest of its budget (4.1, 4.7)."""

import signal

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted, ChildStartFailed
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S, is_alive

LEFT = ["swallows", "blocks", "thread", "generator"]


def is_told_before_its_end(node: NodeUnderTest, what: str) -> bool:
    """Return whether a server is still there, with what is left of it, when its crash is told."""
    node.call(what, "leave", what)
    pid = node.client[what].pid
    with pytest.raises(otpy.ProcessDown, match="error: ValueError: let it crash"):
        node.call(what, "crash")
    return is_alive(pid)


def test_a_crash_is_told_at_once_whatever_is_left(nodes: Nodes) -> None:
    children = "".join(
        f"""
          - {{id: {what}, start: "tests.support.ending_workers:Leaving", args: [WORK/{what}],
             shutdown: 1s}}"""
        for what in LEFT
    )
    node = nodes.run(f"""
        name: crash
        max_restarts: 1000
        children:{children}
        """)
    pending = {}
    for what in LEFT:
        # It is over, too, where a busy machine let the test wait for longer than that.
        assert any(is_told_before_its_end(node, what) for _ in range(10)), what
        # A call now is for the next incarnation.
        pending[what] = node.client[what].send_request("leave", what)
    for what in LEFT:
        assert pending[what].result(DEADLINE_S) is None, what
        ends = node.log(what)
        assert ends == [["terminate", "error: ValueError: let it crash"]] * len(ends) != []
    for event in node.seen(ChildEnded):
        assert event.reason == "error: ValueError: let it crash"


@pytest.mark.parametrize("what", LEFT)
def test_a_stop_in_order_stays_one_whatever_is_left(nodes: Nodes, what: str) -> None:
    node = nodes.run("""
        name: stop
        children:
          - {id: a, start: "tests.support.ending_workers:Leaving", args: [WORK/log], shutdown: 1s}
        """)
    node.call("a", "leave", what)
    node.client.supervisor().terminate_child("a")
    assert node.next(ChildEnded, path="a").reason == "shutdown"
    assert node.log() == [["terminate", "shutdown"]]


def test_functions_and_failed_starts_leave_nothing_behind_either(nodes: Nodes) -> None:
    node = nodes.run("""
        name: others
        children:
          - {id: f, start: "tests.support.ending_workers:leaves", args: [WORK/log, thread],
             restart: temporary, shutdown: 200ms}
          - {id: pool, strategy: dynamic}
        """)
    assert node.next(ChildEnded, path="f").reason == "normal"
    assert node.log() == [["returns", False]]
    spec = {
        "id": "x",
        "start": "tests.support.ending_workers:Leaving",
        "args": ["", "swallows"],
        "shutdown": "200ms",
    }
    with pytest.raises(otpy.StartFailed, match="error: RuntimeError: no start"):
        node.client.supervisor("pool").start_child(spec)
    assert node.next(ChildStartFailed, path="pool/x").reason == "error: RuntimeError: no start"


@pytest.mark.parametrize("server", ["Signaled", "SignaledAsync"])
@pytest.mark.parametrize("timer", ["", ", 1000"])
def test_what_a_signal_handler_raises_while_it_waits_runs_terminate(
    nodes: Nodes, server: str, timer: str
) -> None:
    node = nodes.run(f"""
        name: signals
        children:
          - {{id: a, start: "tests.support.ending_workers:{server}", args: [WORK/log{timer}]}}
        """)
    node.call("a", "ready")
    node.kill("a", signal.SIGTERM)
    assert node.next(ChildEnded, path="a").reason == "normal"
    assert node.log() == [["terminate", "normal"]]
    node.next(ChildStarted, path="a")
