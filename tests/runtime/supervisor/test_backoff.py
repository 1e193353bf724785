"""Children that fail again and again, with `backoff` and with limits of their own."""

import pytest

import otpy
from otpy.events import (
    ChildBackingOff,
    ChildFailed,
    ChildRestarting,
    ChildStarted,
    ChildStopped,
    GaveUp,
)
from tests.support.node import Nodes, NodeUnderTest

LONG = "{initial: 1h, max: 1h}"


def state(node: NodeUnderTest, path: str) -> str:
    return node.client[path].info().state


def in_backoff(node: NodeUnderTest, path: str, *others: str) -> ChildBackingOff:
    """Kill a child twice: its first restart is at once."""
    node.recover(path)
    for other in others:
        node.next(ChildStarted, path=other)
    node.kill(path)
    return node.next(ChildBackingOff, path=path)


def test_a_crash_loop_is_slowed_down_and_stays_down_and_its_siblings_go_on(nodes: Nodes) -> None:
    node = nodes.run("""
        name: contained
        max_restarts: 0
        children:
          - id: loop
            start: "tests.support.workers:raises"
            args: [boom]
            backoff: {initial: 2ms, factor: 3, max: 10ms, jitter: 0}
            max_restarts: 4
            max_seconds: 1h
            on_give_up: stay_down
          - {id: steady, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    failed = node.next(ChildFailed, path="loop")
    assert (failed.restarts, failed.max_restarts) == (5, 4)
    assert failed.reason == "error: RuntimeError: boom"
    waits = [round(event.wait, 6) for event in node.seen(ChildBackingOff)]
    assert waits == [0.002, 0.006, 0.01]
    assert [event.restarts for event in node.seen(ChildRestarting, path="loop")] == [1]
    assert len(node.seen(ChildStarted, path="loop")) == 5
    assert node.says(r"loop: FAILED with 'error: RuntimeError: boom', and stays down")
    assert state(node, "loop") == "failed"
    with pytest.raises(otpy.NoProcess, match="'loop' has failed and stays down: error: Runtime"):
        node.call("loop", "get_count")
    assert {child.id: child.state for child in node.client.supervisor("").which_children()} == {
        "steady": "running",
        "loop": "failed",
    }
    assert node.call("steady", "get_count") == 0
    assert not node.seen(GaveUp)
    node.client.supervisor("").restart_child("loop")
    again = node.next(ChildFailed, path="loop")
    assert again.restarts == 5
    node.client.supervisor("").terminate_child("loop")
    node.next(ChildStopped, path="loop")
    assert state(node, "loop") == "stopped"
    with pytest.raises(otpy.NoProcess, match="is not running"):
        node.call("loop", "get_count")
    assert node.stop() == 0


def test_who_calls_a_server_in_backoff_waits_until_it_is_up(nodes: Nodes) -> None:
    node = nodes.run("""
        name: waiting
        children:
          - id: a
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            backoff: {initial: 300ms, jitter: 0}
        """)
    in_backoff(node, "a")
    assert state(node, "a") == "backoff"
    assert node.call("a", "get_count") == 0
    assert node.incarnations()["a"] == 3


def test_who_waits_for_it_waits_no_longer_than_its_timeout(nodes: Nodes) -> None:
    node = nodes.run(f"""
        name: patient
        max_restarts: infinity
        backoff: {LONG}
        children:
          - {{id: a, start: "tests.support.workers:Remote", args: [WORK/log]}}
        """)
    event = in_backoff(node, "a")
    assert event.max_restarts is None
    assert 2880 <= event.wait <= 3600
    row = node.client["a"].info()
    assert row.retry_at == event.retry_at
    with pytest.raises(otpy.CallTimeout):
        node.client["a"].call("get_count", timeout=0.05)
    supervisor = node.client.supervisor("")
    assert [child.state for child in supervisor.which_children()] == ["backoff"]
    supervisor.restart_child("a")
    assert node.call("a", "get_count") == 0
    assert node.client["a"].info().retry_at is None
    in_backoff(node, "a")
    supervisor.terminate_child("a")
    node.next(ChildStopped, path="a")
    assert state(node, "a") == "stopped"


def test_a_group_waits_together_and_its_supervisor_may_be_killed_or_stopped(nodes: Nodes) -> None:
    node = nodes.run(f"""
        name: group
        children:
          - id: s
            strategy: rest_for_one
            max_restarts: infinity
            backoff: {LONG}
            children:
              - {{id: a, start: "tests.support.workers:Remote", args: [WORK/log]}}
              - {{id: b, start: "tests.support.workers:Remote", args: [WORK/log]}}
        """)
    in_backoff(node, "s/a", "s/b")
    assert node.next(ChildBackingOff, path="s/b").waits_for == "s/a"
    assert (state(node, "s/a"), state(node, "s/b")) == ("backoff", "backoff")
    node.kill("s")
    for path in ("s/a", "s/b", "s"):
        node.next(ChildStarted, path=path)
    assert node.call("s/b", "get_count") == 0
    in_backoff(node, "s/a", "s/b")
    node.next(ChildBackingOff, path="s/b")
    node.client.supervisor("").terminate_child("s")
    assert {state(node, path) for path in ("s", "s/a", "s/b")} == {"stopped"}
    node.client.supervisor("").restart_child("s")
    in_backoff(node, "s/a", "s/b")
    assert node.stop() == 0


def test_a_command_that_cannot_start_does_not_fail_the_boot(nodes: Nodes) -> None:
    node = nodes.run("""
        name: booting
        children:
          - id: broken
            start: "tests.support.workers:Remote"
            args: [WORK/log, [error, error, ok]]
            backoff: {initial: 5ms}
          - {id: exits, command: ["false"], max_restarts: 0, on_give_up: stay_down}
          - {id: steady, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.next(ChildFailed, path="exits")
    node.until(lambda: node.seen(ChildStarted, path="broken"), "broken start")
    assert node.incarnations()["broken"] == 3
    assert node.stop() == 0


# ---- supervisors that stay down ------------------------------------------------------------------


def test_a_supervisor_that_gave_up_stays_down_and_begins_anew_on_request(nodes: Nodes) -> None:
    node = nodes.run("""
        name: nested
        max_restarts: 0
        children:
          - id: s
            max_restarts: 1
            max_seconds: 1h
            on_give_up: stay_down
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
              - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
          - id: pool
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            instances: 2
            max_restarts: 0
            on_give_up: stay_down
          - {id: steady, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.recover("s/a")
    node.kill("s/a")
    assert node.next(GaveUp, path="s").child == "a"
    failed = node.next(ChildFailed, path="s")
    assert failed.reason == "gave up on 'a': killed"
    node.says(r"s: FAILED with .gave up on 'a': killed., and stays down; .otpy start s.")
    assert {path: state(node, path) for path in ("s", "steady")} == {
        "s": "failed",
        "steady": "running",
    }
    for path in ("s/a", "s/b"):
        with pytest.raises(otpy.NoProcess, match="'s' has failed and stays down: gave up on 'a'"):
            node.call(path, "get_count")
    node.kill("pool/1")
    assert node.next(ChildFailed, path="pool").reason == "gave up on '1': killed"
    with pytest.raises(otpy.NoProcess, match="'pool' has failed and stays down"):
        node.call("pool/0", "get_count")
    assert node.call("steady", "get_count") == 0
    supervisor = node.client.supervisor("")
    supervisor.restart_child("s")
    assert node.call("s/b", "get_count") == 0
    # Killed, it is restarted, and that counts at itself.
    node.recover("s")
    node.kill("s")
    assert node.next(ChildFailed, path="s").reason == "killed"
    supervisor.restart_child("pool")
    assert node.call("pool/1", "get_count") == 0
    assert supervisor.get_childspec("pool")["on_give_up"] == "stay_down"
    assert node.stop() == 0
