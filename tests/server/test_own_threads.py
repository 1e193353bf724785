"""What a server's own threads send it is handled, though nobody else says anything (4.2)."""

import pytest

from otpy.events import ChildEnded
from tests.support.node import Nodes


@pytest.mark.parametrize("server", ["Threaded", "ThreadedAsync"])
@pytest.mark.parametrize("timer", ["", ", 1000"])
def test_a_thread_wakes_its_server(nodes: Nodes, server: str, timer: str) -> None:
    node = nodes.run(f"""
        name: threads
        children:
          - {{id: a, start: "tests.support.threaded_workers:{server}", args: [WORK/log{timer}]}}
        """)
    for how, entry in (
        ("cast", ["tick", 0]),
        ("timer", ["info", "from a thread"]),
        ("dispatch", ["info", "dispatched"]),
    ):
        node.call("a", "later", how)
        node.logged(*entry)
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
