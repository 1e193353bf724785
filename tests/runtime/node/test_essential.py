"""`essential: true`: the node ends with its child, in order, and with its exit status (11.2)."""

import signal

import pytest

from otpy.events import ChildEnded, ChildStarted, EssentialEnded, NodeStopped, NodeStopping
from tests.support.node import Nodes

ENDS = {
    "exit 0": 0,
    "exit 3": 3,
    "kill -9 $$": 128 + signal.SIGKILL,
    "kill -TERM $$": 128 + signal.SIGTERM,
}


@pytest.mark.parametrize("end", ENDS)
def test_the_node_ends_with_the_status_of_its_child(nodes: Nodes, end: str) -> None:
    node = nodes.start(f"""
        name: main
        children:
          - {{id: first, start: "tests.support.workers:Remote", args: [WORK/log]}}
          - id: s
            children:
              - {{id: app, command: [sh, -c, "{end}"], essential: true}}
          - {{id: last, command: [sleep, "100000"]}}
        """)
    assert node.wait() == ENDS[end]
    node.next(EssentialEnded, path="s/app")
    ended = [event.path for event in node.seen(ChildEnded)]
    assert ended.index("s/app") < ended.index("first")  # everything else was stopped, in order
    assert [path for path in ended if path in ("last", "first")][-1] == "first"
    (stopped,) = node.seen(NodeStopped)
    assert (stopped.reason == "in order") is (end == "exit 0")
    assert bool(node.errors) is (end != "exit 0")


@pytest.mark.parametrize(
    ("end", "status"), [("return", 0), ("raise ValueError('no')", 1), ("raise SystemExit(0)", 0)]
)
def test_a_function_has_a_status_too(nodes: Nodes, end: str, status: int) -> None:
    (nodes.work / "essential_app.py").write_text(f"def run():\n    {end}\n")
    node = nodes.start("""
        name: main
        children:
          - {id: app, start: "essential_app:run", cwd: WORK, essential: true}
        """)
    assert node.wait() == status


def test_one_that_is_restarted_ends_the_node_when_that_is_over(nodes: Nodes) -> None:
    node = nodes.run("""
        name: main
        max_restarts: 1
        children:
          - {id: app, command: [sleep, "100000"], restart: transient, essential: true}
        """)
    node.recover("app")
    node.kill("app", signal.SIGSEGV)
    assert node.wait() == 128 + signal.SIGSEGV
    assert "gave up" in node.errors


def test_one_that_stays_down_ends_the_node(nodes: Nodes) -> None:
    node = nodes.run("""
        name: main
        children:
          - {id: other, command: [sleep, "100000"]}
          - {id: app, command: [sh, -c, "exit 5"], restart: permanent, essential: true,
             max_restarts: 1, on_give_up: stay_down}
        """)
    assert node.wait() == 5


def test_what_is_done_on_request_ends_no_node(nodes: Nodes) -> None:
    node = nodes.run("""
        name: main
        strategy: one_for_all
        max_restarts: 100
        children:
          - {id: other, command: [sleep, "100000"]}
          - {id: app, command: [sleep, "100000"], essential: true}
        """)
    root = node.client.supervisor("")
    root.terminate_child("app")
    root.restart_child("app")
    node.next(ChildStarted, path="app")
    node.kill("other")  # its group restarts
    node.next(ChildStarted, path="app")
    node.kill("")
    node.next(ChildStarted, path="app")
    assert not node.seen(EssentialEnded)
    assert node.stop() == 0  # the end of a node is not that of its child
    assert not node.seen(EssentialEnded)


def test_the_first_of_several_says_which_status(nodes: Nodes) -> None:
    node = nodes.run("""
        name: main
        children:
          - {id: a, command: [sleep, "100000"], essential: true}
          - {id: b, command: [sh, -c, "trap 'exit 9' TERM; while :; do sleep 0.1; done"],
             essential: true}
        """)
    node.kill("a")
    assert node.wait() == 128 + signal.SIGKILL
    (stopping,) = node.seen(NodeStopping)
    assert stopping.why == "its essential child 'a' has ended: killed"


@pytest.mark.parametrize(
    ("more", "child", "status"),
    [
        ("max_restarts: 0", "command: [sh, -c, exit 3]", 1),
        ("max_restarts: 0, on_give_up: stay_down", "command: [sh, -c, exit 3]", 1),
        (
            "auto_shutdown: any_significant",
            "command: [sh, -c, exit 0], significant: true, restart: transient",
            0,
        ),
    ],
)
def test_a_supervisor_may_be_essential(nodes: Nodes, more: str, child: str, status: int) -> None:
    node = nodes.start(f"""
        name: main
        children:
          - {{id: other, command: [sleep, "100000"]}}
          - {{id: s, {more}, essential: true, children: [{{id: a, {child}}}]}}
        """)
    assert node.wait() == status
    assert node.seen(EssentialEnded, path="s")
    assert bool(node.errors) is bool(status)


@pytest.mark.parametrize("start", ["Remote", "Waits"])
def test_a_server_that_is_killed_ends_the_node(nodes: Nodes, start: str) -> None:
    target = {
        "Remote": 'start: "tests.support.workers:Remote", args: [WORK/log]',
        "Waits": 'start: "tests.support.workers:waits"',
    }[start]
    node = nodes.run(f"""
        name: main
        children:
          - {{id: app, {target}, essential: true}}
        """)
    node.kill("app")
    assert node.wait() == 128 + signal.SIGKILL
