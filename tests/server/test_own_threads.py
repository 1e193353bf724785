"""What a server's own threads send it is handled, though nobody else says anything (4.2)."""

import signal

import pytest

from otpy.events import ChildEnded
from tests.support.node import Nodes, NodeUnderTest


def again(node: NodeUnderTest, entry: list[object]) -> None:
    """Wait until an entry is in the log for the second time."""
    node.until(lambda: node.log().count(entry) == 2, f"{entry} a second time")


@pytest.mark.parametrize("server", ["Threaded", "ThreadedAsync"])
@pytest.mark.parametrize("timer", ["", ", 1000"])
def test_a_thread_wakes_its_server(nodes: Nodes, server: str, timer: str) -> None:
    node = nodes.run(f"""
        name: threads
        children:
          - {{id: a, start: "tests.support.threaded_workers:{server}", args: [WORK/log{timer}]}}
        """)
    entries: dict[str, list[object]] = {
        "cast": ["tick", 0],
        "timer": ["info", "from a thread"],
        "dispatch": ["info", "dispatched"],
    }
    for how, entry in entries.items():
        node.call("a", "later", how)
        node.logged(*entry)
        if how != "dispatch":  # a signal handler while the server waits
            node.call("a", "on_signal", how)
            node.kill("a", signal.SIGUSR1)
            again(node, entry)
    node.call("a", "many", 100)
    node.until(lambda: node.log().count(["info", "kept"]) == 400, "all timers")
    for number in range(1, 100):
        assert node.log().count(["tick", number]) == 4
    assert node.seen(ChildEnded, path="a") == []


@pytest.mark.parametrize("where", ["main", "thread"])
def test_a_thread_wakes_a_function(nodes: Nodes, where: str) -> None:
    node = nodes.run(f"""
        name: functions
        children:
          - {{id: f, start: "tests.support.threaded_workers:receives", args: [WORK/log, {where}]}}
        """)
    node.logged("received", "tick")
