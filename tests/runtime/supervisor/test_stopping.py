"""Stopping: in reverse order, each child within its own budget, and nothing is left."""

import os
import signal
import threading
import time

import pytest

from otpy.events import ChildEnded, ChildStarted, ChildStarting, ChildStopping, NodeStopping
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import is_alive


def ends(node: NodeUnderTest) -> list[tuple[str, str]]:
    """Return who ended for what reason, in order; the gateway left out."""
    return [(e.path, e.reason) for e in node.seen(ChildEnded) if e.path[:1] != "@"]


def test_children_stop_in_reverse_order_level_by_level(nodes: Nodes) -> None:
    node = nodes.run("""
        name: order
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
          - id: b
            children:
              - {id: c, start: "tests.support.workers:Remote", args: [WORK/log]}
              - {id: d, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: e, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    assert node.stop() == 0
    assert [entry[1] for entry in node.log() if entry[0] == "terminate"] == ["e", "b/d", "b/c", "a"]
    assert ends(node) == [(path, "shutdown") for path in ("e", "b/d", "b/c", "b", "a", "")]


@pytest.mark.parametrize("how", ["hang", "sleep_in_c"])
def test_who_does_not_end_within_its_budget_is_killed_and_the_rest_stops_in_order(
    nodes: Nodes, how: str
) -> None:
    node = nodes.run(f"""
        name: budgets
        children:
          - {{id: a, start: "tests.support.workers:Remote", args: [WORK/log]}}
          - {{id: b, start: "tests.support.workers:Remote", args: [WORK/log, [], {how}],
             shutdown: 300ms}}
          - {{id: c, start: "tests.support.workers:Remote", args: [WORK/log]}}
        """)
    node.call("b", "ignore_signals")
    begun = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - begun >= 0.3
    assert ends(node) == [("c", "shutdown"), ("b", "killed"), ("a", "shutdown"), ("", "shutdown")]
    assert [entry for entry in node.log() if entry[0] == "terminate"] == [
        ["terminate", path, 1, "shutdown"] for path in ("c", "b", "a")
    ]


def test_a_worker_stuck_in_a_handler_is_killed_after_its_budget(nodes: Nodes) -> None:
    node = nodes.run("""
        name: stuck
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log], shutdown: 200ms}
          - {id: b, start: "tests.support.workers:deaf", args: [WORK/log], shutdown: 200ms}
        """)
    node.client["a"].cast("hang_later", "c")
    node.logged("hangs", "a")
    node.logged("deaf")
    assert node.stop() == 0
    assert ends(node) == [("b", "killed"), ("a", "killed"), ("", "shutdown")]


def test_an_infinite_budget_waits_as_long_as_it_takes(nodes: Nodes) -> None:
    node = nodes.run("""
        name: patient
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [], fifo],
             shutdown: infinity}
        """)
    os.mkfifo(nodes.work / "log.fifo")
    node.send(signal.SIGTERM)
    node.logged("terminate", "a", 1, "shutdown")
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert node.wait() == 0
    assert ends(node) == [("a", "shutdown"), ("", "shutdown")]


def test_terminate_runs_or_not_as_the_spec_says(nodes: Nodes) -> None:
    node = nodes.run("""
        name: terminate
        max_restarts: 100
        children:
          - {id: trapping, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: brutal, start: "tests.support.workers:Remote", args: [WORK/log],
             shutdown: brutal_kill}
          - {id: untrapped, start: "tests.support.workers:Untrapped", args: [WORK/log]}
        """)
    for path in ("trapping", "brutal", "untrapped"):
        node.client[path].cast("crash_later")
        node.next(ChildStarted, path=path)
        node.recover(path)
    node.stop()
    crashed = "error: RuntimeError: told to"
    assert [entry for entry in node.log() if entry[0] == "terminate"] == [
        ["terminate", "trapping", 1, crashed],
        ["terminate", "brutal", 1, crashed],
        ["terminate", "untrapped", 1, crashed],
        ["terminate", "trapping", 3, "shutdown"],
    ]
    assert ends(node)[-4:] == [
        ("untrapped", "shutdown"),
        ("brutal", "killed"),
        ("trapping", "shutdown"),
        ("", "shutdown"),
    ]


def test_what_terminate_does_wrong_becomes_the_reason(nodes: Nodes) -> None:
    node = nodes.run("""
        name: wrong
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [], exit]}
          - {id: b, start: "tests.support.workers:Remote", args: [WORK/log, [], raise]}
        """)
    assert node.stop() == 0
    assert ends(node) == [
        ("b", "error: LookupError: terminate failed"),
        ("a", "exit: 9"),
        ("", "shutdown"),
    ]


@pytest.mark.parametrize(
    ("outcome", "reason"), [("hang", "shutdown"), ("sleep_in_c", "shutdown"), ("deaf", "killed")]
)
def test_a_stop_comes_through_while_an_init_hangs(nodes: Nodes, outcome: str, reason: str) -> None:
    node = nodes.start(f"""
        name: hanging
        children:
          - {{id: a, start: "tests.support.workers:Remote", args: [WORK/log]}}
          - id: branch
            children:
              - {{id: b, start: "tests.support.workers:Remote", args: [WORK/log, [{outcome}]],
                 shutdown: 300ms}}
          - {{id: c, start: "tests.support.workers:Remote", args: [WORK/log]}}
        """)
    node.logged(*(["deaf"] if outcome == "deaf" else ["init", "branch/b", 1, outcome]))
    assert node.stop() == 0
    assert node.log()[-1] == ["terminate", "a", 1, "shutdown"]
    assert "c" not in node.pids()
    assert [event.path for event in node.seen(ChildStarting)][-1] == "branch/b"


def test_a_stop_that_meets_a_child_just_being_forked_is_not_lost(nodes: Nodes) -> None:
    for _ in range(10):
        node = nodes.run("""
            name: meeting
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log],
                 shutdown: infinity}
              - {id: b, command: [sleep, "100000"], shutdown: infinity}
            """)
        node.kill("a")
        node.kill("b")
        assert node.stop() == 0


def test_a_command_is_asked_by_sigterm_and_its_whole_group_goes(nodes: Nodes) -> None:
    node = nodes.run("""
        name: commands
        children:
          - {id: polite, command: [sh, -c, "trap 'echo bye; exit 0' TERM; echo up;
             sleep 100000 & sleep 100000 & wait"], shutdown: 300ms}
          - {id: deaf, command: [sh, -c, "trap '' TERM; echo up; sleep 100000 & sleep 100000"],
             shutdown: 300ms}
        """)
    node.says("^polite . up")
    node.says("^deaf . up")
    assert node.stop() == 0
    node.says("^polite . bye")
    assert ends(node) == [("deaf", "killed"), ("polite", "shutdown"), ("", "shutdown")]


def test_a_command_that_is_killed_takes_its_group_along(nodes: Nodes) -> None:
    node = nodes.run("""
        name: group
        children:
          - {id: a, command: [sh, -c, "sleep 100000 & echo $!; wait"]}
        """)
    child = int(node.says(r"^a . (\d+)")[1])
    node.recover("a")
    assert not is_alive(child)


@pytest.mark.parametrize("how", ["plain", "setsid", "daemon", "stubborn", "command"])
def test_what_a_worker_forked_goes_with_it(nodes: Nodes, how: str) -> None:
    node = nodes.run("""
        name: grandchildren
        children:
          - id: branch
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    grandchild = node.call("a", "fork", how)
    node.recover("branch/a")
    if how != "plain":
        node.client.supervisor("branch").which_children()
    again = node.call("a", "fork", how)
    assert node.stop() == 0
    assert not is_alive(grandchild)
    assert not is_alive(again)


def test_a_client_can_stop_the_node_and_waits_until_it_is_gone(nodes: Nodes) -> None:
    node = nodes.run("""
        name: asked
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [], hang],
             shutdown: 300ms}
        """)
    node.client.shutdown(timeout=60)
    assert not is_alive(node.pid)
    assert node.wait() == 0
    assert node.seen(NodeStopping)[0].why == "asked to by a client"


def test_an_operator_stops_a_child_while_its_stop_hangs(nodes: Nodes) -> None:
    node = nodes.run("""
        name: hanging
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [], hang],
             shutdown: infinity}
          - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    client = node.client
    stopping = threading.Thread(target=lambda: client.supervisor().terminate_child("a"))
    stopping.start()
    node.next(ChildStopping, path="a")
    node.logged("terminate", "a", 1, "shutdown")
    # A supervisor does one thing at a time, but what it has not to decide about goes on.
    assert node.call("b", "increment") == 1
    node.client.signal("a", signal.SIGKILL)
    stopping.join(60)
    assert node.next(ChildEnded, path="a").reason == "killed"
