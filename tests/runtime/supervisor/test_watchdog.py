"""Children that give no sign of life for as long as their `watchdog` are killed (10.3)."""

import os
import signal
import sys
from pathlib import Path

import pytest

from otpy.events import ChildEnded, ChildRestarting, ChildStarted
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: watched
max_restarts: 100
children:
  - {id: spins, start: "tests.support.watched_workers:Busy", args: [WORK/log], watchdog: 100ms}
  - {id: c, start: "tests.support.workers:Remote", args: [WORK/c], watchdog: 100ms}
  - {id: waits, start: "tests.support.watched_workers:AsyncBusy", args: [WORK/log], watchdog: 100ms}
  - {id: works, start: "tests.support.watched_workers:Busy", args: [WORK/works], watchdog: 300ms}
  - {id: function, start: "tests.support.watched_workers:receives", watchdog: 50ms}
  - {id: unwatched, start: "tests.support.workers:Remote", args: [WORK/unwatched]}
"""


def hung(node: NodeUnderTest, path: str) -> ChildEnded:
    # It may have ended while the others started.
    ended = next(iter(node.seen(ChildEnded, path=path)), None) or node.next(ChildEnded, path=path)
    assert (ended.reason, ended.signal, ended.clean) == ("hung", "SIGKILL", False)
    if not node.seen(ChildStarted, path=path, incarnation=2):
        node.next(ChildStarted, path=path, incarnation=2)
    return ended


def test_a_server_that_does_not_come_back_to_its_mailbox_is_killed(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.client["unwatched"].cast("hang_later")
    for path, request, found in (
        ("spins", ("spin",), "in spin"),
        ("c", ("hang_later", "c"), "in sleep_in_c"),
        ("waits", ("wait",), "select"),
    ):
        node.client[path].cast(*request)
        assert found in hung(node, path).stacks, path
    assert node.says("spins: ended: hung")
    node.client["works"].cast("work", 10, 0.05)
    node.logged("worked", file="works")
    assert node.call("works", "get_count") == 0
    seen = {event.path for event in node.seen(ChildEnded)}
    assert seen == {"spins", "c", "waits"}
    assert {event.reason for event in node.seen(ChildRestarting)} == {"hung"}


def test_a_function_gives_signs_of_life(nodes: Nodes) -> None:
    node = nodes.run("""
        name: signs
        max_restarts: 100
        children:
          - id: a
            start: "tests.support.watched_workers:works"
            args: [WORK/log, 15]
            watchdog: 200ms
        """)
    ended = hung(node, "a")
    assert node.log() != []
    assert "in works" in ended.stacks
    assert node.stop() == 0


@pytest.mark.parametrize("function", ["hangs_after_a_timeout", "hangs_after_a_timeout_async"])
def test_a_function_is_watched_after_it_has_waited_in_vain(nodes: Nodes, function: str) -> None:
    node = nodes.run(f"""
        name: vain
        max_restarts: 100
        children:
          - {{id: a, start: "tests.support.watched_workers:{function}", watchdog: 200ms}}
        """)
    assert f"in {function}" in hung(node, "a").stacks


def test_one_that_is_suspended_or_stopped_in_order_is_left_alone(nodes: Nodes) -> None:
    node = nodes.run("""
        name: left
        children:
          - id: a
            start: "tests.support.workers:Remote"
            args: [WORK/log, [], fifo]
            watchdog: 30ms
        """)
    os.mkfifo(node.work / "log.fifo")
    node.client["a"].suspend()
    node.client["a"].cast("increment_later")
    node.client["a"].resume()
    assert node.call("a", "get_count") == 1
    node.send(signal.SIGTERM)
    node.logged("terminate", "a", 1, "shutdown")
    (node.work / "log.fifo").write_text("")
    assert node.wait() == 0
    assert node.seen(ChildEnded, path="a")[0].reason == "shutdown"


def test_a_program_gives_signs_of_life_by_sd_notify(nodes: Nodes) -> None:
    """It is sent SIGABRT, so that it may dump its core, and SIGKILL if that does not end it."""
    program = Path(__file__).parents[2] / "support" / "notifying_program.py"
    rows = (
        ("dies", "500ms", 20, ""),
        ("exits", "300ms", 2, ""),
        ("ignores", "300ms", 0, ", shutdown: 200ms"),
        ("triggers", "1h", 0, ""),
    )
    children = "\n".join(
        f"          - {{id: {how}, command: [{sys.executable}, {program}, {how}, '{signs}'], "
        f"watchdog: {limit}{more}}}"
        for how, limit, signs, more in rows
    )
    node = nodes.run(f"""
        name: programs
        max_restarts: 1000
        children:
{children}
        """)
    ends = {}
    for how, _, _, _ in rows:
        seen = next(iter(node.seen(ChildEnded, path=how)), None)
        ends[how] = seen or node.next(ChildEnded, path=how)
    assert {ended.reason for ended in ends.values()} == {"hung"}
    assert ends["dies"].signal == ends["triggers"].signal == "SIGABRT"
    assert (ends["exits"].signal, ends["exits"].status) == ("", 3)
    assert ends["ignores"].signal == "SIGKILL"
    assert ends["dies"].uptime > 1, "twenty signs, 50 ms apart"
    assert node.stop() == 0
