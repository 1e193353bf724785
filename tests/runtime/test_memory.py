"""What has been is not kept: node, gateway and supervisors stay as large as they were (6.5)."""

import gc
import tracemalloc

import pytest

import otpy
from otpy.core.numbers import Numbers
from otpy.events import (
    ChildAdded,
    ChildEnded,
    ChildRemoved,
    ChildrenDeclared,
    ChildStarted,
    ChildStarting,
    Event,
    NameTaken,
)
from otpy.runtime.directory import Directory
from otpy.runtime.exit_watch import ExitWatchers
from otpy.runtime.node.monitors import MonitorTable
from otpy.runtime.supervisor.subtree_numbers import SubtreeNumbers
from otpy.wire.codec import pack
from otpy.wire.control import Address
from otpy.wire.frames import frame
from tests.support.node import Nodes, NodeUnderTest
from tests.support.raw import RawClient

TREE = """
name: app
children:
  - {id: a, start: "otpy.examples.counter:Counter"}
"""


def private_kib(pid: int) -> int:
    """Read how much memory a process shares with nobody."""
    with open(f"/proc/{pid}/smaps_rollup") as file:  # noqa: PTH123
        lines = [line.split() for line in file if line.startswith("Private_")]
    return sum(int(size) for _, size, _ in lines)


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


def test_a_wait_that_was_given_up_leaves_nothing_in_the_gateway(node: NodeUnderTest) -> None:
    gateway = node.pids()["@gateway"]

    def ask(first: int, count: int, *, forget: bool) -> None:
        for number in range(first, first + count):
            client.send(frame(pack([number, "exit_info", {"path": "a", "incarnation": 1}])))
            if forget:
                client.send(frame(pack([0, "forget", {"number": number}])))
        client.send(frame(pack([1, "whereis", {"name": "a"}])))
        assert client.answer()[:2] == [1, 0]

    with RawClient(node) as client:
        client.hello()
        ask(2, 100, forget=True)
        before = private_kib(gateway)
        ask(1000, 10_000, forget=True)
        assert private_kib(gateway) - before < 512
    for _ in range(10):  # who hangs up waits for nothing
        with RawClient(node) as client:
            client.hello()
            ask(2, 1000, forget=False)
    with RawClient(node) as client:
        client.hello()
        ask(2, 1, forget=False)
    assert private_kib(gateway) - before < 2048


def test_a_clients_monitor_may_time_out_again_and_again(node: NodeUnderTest) -> None:
    monitor = node.client["a"].monitor()
    for _ in range(10):
        with pytest.raises(otpy.CallTimeout):
            monitor.wait(timeout=0.001)
    node.kill("a")
    assert monitor.wait(timeout=60).reason == "killed"


def ended(path: str, number: int, traceback: str) -> ChildEnded:
    return ChildEnded(
        at=1.0,
        path=path,
        kind="worker",
        pid=5,
        incarnation=number,
        reason="killed",
        asked=False,
        clean=False,
        traceback=traceback,
        message="",
        output="",
        peak_memory=1,
        uptime=1.0,
    )


def life_of(path: str, number: int) -> list[Event]:
    """List what is told of a child that is added, runs, crashes and is forgotten."""
    return [
        ChildAdded(at=1.0, path=path, kind="worker"),
        ChildStarting(at=1.0, path=path, kind="worker", pid=number, incarnation=1),
        NameTaken(at=1.0, path=path, incarnation=1, taken=f"name {path}"),
        ChildStarted(at=1.0, path=path, kind="worker", pid=number, incarnation=1),
        ended(path, 1, "x" * (number % 7 * 100)),
        ChildRemoved(at=1.0, path=path),
    ]


def test_children_under_ever_new_names_leave_nothing_in_the_tables() -> None:
    """What the node, the gateway and each supervisor above keep of what they are told."""
    directory, numbers = Directory(), SubtreeNumbers(Numbers())
    exit_watchers = ExitWatchers(directory)
    monitors = MonitorTable(directory, exit_watchers, lambda _who, _notification: None)
    directory.apply(ChildrenDeclared(at=1.0, path="", children=(("pool", "supervisor"),)))
    watcher = Address("a", 1)

    def come_and_go(first: int, count: int) -> None:
        for number in range(first, first + count):
            path = f"pool/child-{number}"
            for event in life_of(path, number):
                if isinstance(event, ChildEnded):
                    monitors.monitor(watcher, number, path)
                    monitors.link(Address(path, 1), "pool/child-other", trap_exit=True)
                over = directory.apply(event)
                exit_watchers.notify(over)
                monitors.ended(over)
                numbers.note([event])

    tracemalloc.start()
    come_and_go(0, 2400)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    come_and_go(2400, 2400)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 16 << 10
