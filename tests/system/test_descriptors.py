"""No process of a node opens more and more files, however often others are killed."""

import time

import pytest

import otpy
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S, descriptors

TREE = """
name: leaks
max_restarts: 100000
children:
  - id: branch
    max_restarts: 100000
    children:
      - {id: victim, start: "tests.support.workers:Remote", args: [WORK/log]}
      - {id: bystander, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: other, start: "tests.support.workers:Remote", args: [WORK/log]}
"""


def open_files(node: NodeUnderTest) -> dict[str, int]:
    """Count the open descriptors of every process, when nothing is under way."""
    counts = _count(node)
    while counts != (counts := _count(node)):
        pass
    return counts


def assert_no_more(node: NodeUnderTest, before: dict[str, int]) -> None:
    """Wait until no process has more open than `before`; what is under way closes by itself."""
    deadline = time.monotonic() + DEADLINE_S
    while (more := _grown(before, _count(node))) and time.monotonic() < deadline:
        pass
    assert more == {}


def _grown(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int, int]]:
    return {path: (before[path], n) for path, n in after.items() if n > before[path]}


def _count(node: NodeUnderTest) -> dict[str, int]:
    """Count once.

    A new client has been served by everybody then: whatever was closed before has been seen.
    """
    node.disconnect()
    for path in ("branch/victim", "branch/bystander", "other"):
        node.call(path, "identity")
    for path in ("", "branch"):
        # Who answers this has closed the descriptors that it passed on before.
        node.client.supervisor(path).count_children()
    pids = {**node.pids(), "@node": node.pid}
    counts = {
        # A folder of /proc is open while somebody looks for processes.
        path: sum(not what.startswith("/proc") for what in descriptors(pid).values())
        for path, pid in pids.items()
    }
    node.disconnect()
    return counts


@pytest.mark.parametrize(
    ("path", "times"),
    # More often within ten seconds, and the gateway waits between its starts.
    [("branch/victim", 50), ("branch", 20), ("@gateway", 8), ("", 10)],
    ids=["worker", "supervisor", "gateway", "root"],
)
def test_recoveries_leak_no_descriptor(nodes: Nodes, path: str, times: int) -> None:
    node = nodes.run(TREE)
    node.recover(path)  # the first time imports what a recovery needs
    before = open_files(node)
    for _ in range(times):
        node.recover(path)
    assert_no_more(node, before)


def test_starts_that_fail_leak_no_descriptor(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    specs: list[dict[str, object]] = [
        {
            "id": "x",
            "start": "tests.support.workers:Remote",
            "args": [f"{nodes.work}/log", ["error"] * 99],
        },
        {"id": "x", "command": ["/no/such/program"]},
        {"id": "x", "children": [{"id": "y", "start": "no_such_module:X"}]},
    ]

    def fail_all() -> None:
        for spec in specs:
            with pytest.raises(otpy.StartFailed):
                node.client.supervisor().start_child(spec)

    fail_all()
    before = open_files(node)
    for _ in range(10):
        fail_all()
    assert_no_more(node, before)


def test_calls_and_clients_leak_no_descriptor(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    before = open_files(node)
    for number in range(50):
        with otpy.connect("leaks", timeout=60) as client:
            client["victim"].call("increment", timeout=60)
            client["other"].cast("increment_later")
            client.tree(timeout=60)
            if number % 5 == 0:
                with pytest.raises(otpy.ProcessDown):
                    client["victim"].call("exit", 1, timeout=60)
                with pytest.raises(otpy.NoProcess):
                    client["nobody"].call("x", timeout=60)
    assert_no_more(node, before)
