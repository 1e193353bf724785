"""A tree that cannot go on: it says which child, how often and why, and ends with status 1."""

from otpy.events import (
    AutoShutdown,
    ChildEnded,
    ChildRestarting,
    ChildStarted,
    ChildStartFailed,
    ChildStarting,
    GaveUp,
    NodeStopped,
)
from tests.support.node import Nodes


def test_a_crash_loop_ends_the_node_once_it_is_over_the_limit(nodes: Nodes) -> None:
    node = nodes.run("""
        name: looping
        max_restarts: 3
        max_seconds: 1h
        children:
          - {id: steady, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: looping, start: "tests.support.workers:raises", args: [boom]}
        """)
    assert node.wait() == 1
    assert len(node.seen(ChildStarted, path="looping")) == 4
    assert [event.restarts for event in node.seen(ChildRestarting, path="looping")] == [1, 2, 3]
    (gave_up,) = node.seen(GaveUp, path="")
    assert (gave_up.child, gave_up.restarts, gave_up.reason) == (
        "looping",
        4,
        "error: RuntimeError: boom",
    )
    assert node.log() == [
        ["init", "steady", 1, "ok"],
        ["terminate", "steady", 1, "shutdown"],
    ]
    (line,) = [line for line in node.errors.splitlines() if line.startswith("otpy:")]
    for word in ("looping gave up", "'looping' ended 4 times", "RuntimeError: boom", "is 3 in"):
        assert word in line
    assert node.seen(NodeStopped)[0].reason in line


def test_a_crash_loop_below_climbs_up_supervisor_by_supervisor(nodes: Nodes) -> None:
    node = nodes.run("""
        name: climbing
        max_restarts: 1
        max_seconds: 1h
        children:
          - id: branch
            max_restarts: 2
            max_seconds: 1h
            children:
              - {id: looping, start: "tests.support.workers:exits", args: [3]}
        """)
    assert node.wait() == 1
    # (2 + 1) * (1 + 1), as Erlang does it (OTP-SEMANTICS, 1.4).
    assert len(node.seen(ChildStarted, path="branch/looping")) == 6
    assert [(event.path, event.child) for event in node.seen(GaveUp)] == [
        ("branch", "looping"),
        ("branch", "looping"),
        ("", "branch"),
    ]
    for word in ("'branch' ended 2 times", "'looping' ended 3 times", "exit: 3"):
        assert word in node.errors


def test_starts_that_fail_count_as_restarts(nodes: Nodes) -> None:
    node = nodes.run("""
        name: failing
        max_restarts: 2
        max_seconds: 1h
        children:
          - {id: a, start: "tests.support.workers:Remote",
             args: [WORK/log, [ok, error, error, error, error]]}
        """)
    node.kill("a")
    assert node.wait() == 1
    assert node.log() == [
        ["init", "a", 1, "ok"],
        ["init", "a", 2, "error"],
        ["init", "a", 3, "error"],
    ]
    assert "'a' ended 3 times" in node.errors
    assert "init failed" in node.errors


def test_a_transient_branch_that_gives_up_stays_down_and_the_rest_goes_on(nodes: Nodes) -> None:
    node = nodes.run("""
        name: transient
        children:
          - id: branch
            restart: transient
            max_restarts: 0
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.kill("branch/a")
    end = node.next(ChildEnded, path="branch")
    assert (end.reason, end.clean, end.asked) == ("shutdown", True, False)
    assert node.call("b", "identity")[1] == 1


def test_a_failed_start_at_boot_takes_back_what_was_started(nodes: Nodes) -> None:
    node = nodes.start("""
        name: rollback
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
          - id: branch
            children:
              - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
              - {id: c, start: "tests.support.workers:Remote", args: [WORK/log, [error]]}
              - {id: d, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: e, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    assert node.wait() == 1
    assert node.log() == [
        ["init", "a", 1, "ok"],
        ["init", "branch/b", 1, "ok"],
        ["init", "branch/c", 1, "error"],
        ["terminate", "branch/b", 1, "shutdown"],
        ["terminate", "a", 1, "shutdown"],
    ]
    for word in ("rollback could not start", "'branch/c'", "RuntimeError: init failed"):
        assert word in node.errors
    assert [event.path for event in node.seen(ChildStartFailed)] == ["branch/c", "branch", ""]
    assert node.seen(ChildRestarting) == []


def test_a_boot_that_fails_at_once_leaves_nothing(nodes: Nodes) -> None:
    node = nodes.start("""
        name: nothing
        children:
          - {id: a, start: "tests.support.workers:no_such_function"}
        """)
    assert node.wait() == 1
    assert "'a' failed to start: error: AttributeError" in node.errors


def test_the_end_of_a_significant_child_ends_the_node_well_if_it_was_clean(nodes: Nodes) -> None:
    tree = """
        name: significant
        auto_shutdown: any_significant
        children:
          - {id: other, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: job, start: "tests.support.workers:Remote", args: [WORK/log],
             restart: transient, significant: true}
        """
    node = nodes.run(tree)
    node.recover("job")  # an abnormal end is a restart
    node.client["job"].cast("stop_later", "normal")
    assert node.wait() == 0
    assert [(event.path, event.child) for event in node.seen(AutoShutdown)] == [
        ("", "job"),
        ("@node", "tree"),
    ]
    assert node.log()[-1] == ["terminate", "other", 1, "shutdown"]
    assert node.errors == ""


def test_the_abnormal_end_of_a_significant_temporary_child_is_a_failure(nodes: Nodes) -> None:
    node = nodes.run("""
        name: significant
        auto_shutdown: all_significant
        children:
          - {id: one, start: "tests.support.workers:Remote", args: [WORK/log],
             restart: temporary, significant: true}
          - {id: two, start: "tests.support.workers:Remote", args: [WORK/log],
             restart: temporary, significant: true}
        """)
    node.client["one"].cast("stop_later", "normal")
    node.next(ChildEnded, path="one")
    assert node.call("two", "identity")[1] == 1
    node.kill("two")
    assert node.wait() == 1
    assert "'two'" in node.errors
    assert "killed" in node.errors


def test_killing_the_gateway_four_times_does_not_cost_the_tree(nodes: Nodes) -> None:
    node = nodes.run("""
        name: gateways
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    for _ in range(4):
        node.recover("@gateway")
    assert node.call("a", "identity")[1] == 1


def test_a_root_that_is_killed_too_often_ends_the_node(nodes: Nodes) -> None:
    node = nodes.run("""
        name: roots
        max_restarts: 10
        max_seconds: 1h
        children: [{id: a, start: "tests.support.workers:waits"}]
        """)
    for _ in range(10):
        node.recover("")
    node.kill("")
    assert node.wait() == 1
    assert len(node.seen(ChildStarting, path="a")) == 11
    assert "'tree' ended 11 times" in node.errors
