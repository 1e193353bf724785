"""Tasks of clients, whose gateway may be killed at any moment (6.8)."""

from concurrent.futures import ThreadPoolExecutor

import otpy
from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes
from tests.support.raw import RawClient


def test_the_gateway_may_be_killed_while_a_client_begins_tasks(nodes: Nodes) -> None:
    """6.8: the client asks the next one, and a task that nobody has a link to ends at once."""
    node = nodes.run("""
        name: app
        children:
          - {id: tasks, strategy: dynamic, max_children: 10}
        """)
    for _ in range(6):
        with ThreadPoolExecutor(1) as threads:
            results = threads.submit(_add_up, node.client, 15)
            node.kill("@gateway")
            node.next(ChildStarted, path="@gateway")
            assert results.result() == sum(range(15))
    tasks = node.client.supervisor("tasks")
    node.until(lambda: not tasks.which_children(timeout=60), "the end of all tasks")


def _add_up(client: otpy.Node, count: int) -> int:
    return sum(
        otpy.tasks.await_(otpy.tasks.async_(sum, [number], node=client), timeout=60)
        for number in range(count)
    )


def test_a_task_that_nobody_can_give_a_job_to_ends(nodes: Nodes) -> None:
    node = nodes.run("{name: app, children: [{id: tasks, strategy: dynamic}]}")
    with RawClient(node) as client:
        client.hello()
        start_task = {"supervisor": "tasks", "shutdown": 5.0, "linked": False}
        status, who = client.ask("start_task", start_task)
        assert status == 0, who
    assert node.next(ChildEnded, path=who["path"]).reason == "normal"
