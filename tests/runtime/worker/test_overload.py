"""More messages than a worker takes: senders wait within their timeouts, and nothing grows."""

import threading
from pathlib import Path
from typing import Any

import pytest

import otpy
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: overload
max_restarts: 1000
children:
  - id: stuck
    start: "tests.support.workers:Remote"
    args: [WORK/log]
    shutdown: brutal_kill
  - {id: free, start: "tests.support.peer_workers:Listener", args: [WORK/log]}
  - {id: talker, start: "tests.support.peer_workers:Talker", args: [WORK/log]}
"""
MIB = 1 << 20


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    node = nodes.run(TREE)
    node.client["stuck"].cast("hang_later")
    node.logged("hangs", "stuck")
    return node


def resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(pid)


def fill(node: NodeUnderTest, name: str) -> int:
    """Cast a MiB at a time until no more is taken; return how many were."""
    payload = b"x" * MIB
    for count in range(1000):
        try:
            node.client[name].cast("ignored", payload, timeout=0.2)
        except otpy.CallTimeout:
            return count
    raise AssertionError("it takes everything")


def test_a_stuck_worker_blocks_its_senders_within_their_timeouts(node: NodeUnderTest) -> None:
    pids = node.pids()
    before = {path: resident(pid) for path, pid in pids.items()}
    assert fill(node, "stuck") <= 2
    for path, pid in pids.items():
        assert resident(pid) < before[path] + 8 * MIB, path
    assert node.call("free", "echo", 1) == 1
    with pytest.raises(otpy.CallTimeout):
        node.client["stuck"].call("get", timeout=0.2)


def test_a_worker_too_is_blocked_within_its_timeout(node: NodeUnderTest) -> None:
    asked = ["CallTimeout", "'stuck' took no messages within 0.2 s"]
    for _ in range(3):
        answer = node.call("talker", "fill_other", "stuck", 0.2)
    assert answer == asked
    assert node.call("talker", "call_other", "free", "echo", 1) == ["answer", 1]


def test_a_flooded_worker_is_stopped_at_once_and_its_senders_go_on(node: NodeUnderTest) -> None:
    errors: list[Any] = []
    done = threading.Event()

    def flood() -> None:
        with otpy.connect(node.client.name) as client:
            while not done.is_set():
                try:
                    client["stuck"].cast("ignored", b"x" * 10_000, timeout=None)
                except otpy.OtpyError as error:
                    errors.append(error)
                    return

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    node.recover("stuck")
    node.client.supervisor().terminate_child("stuck")
    assert node.call("free", "echo", 2) == 2
    node.client.supervisor().restart_child("stuck")
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_request_over_the_limit_is_refused_and_the_server_goes_on(node: NodeUnderTest) -> None:
    name, text = node.call("talker", "pass_too_large", "free")
    assert name == "FrameTooLarge"
    assert "over max_frame" in text
    assert node.call("talker", "call_other", "free", "echo", 1) == ["answer", 1]
    name, _ = node.call("talker", "call_other", "free", "too_large")
    assert name == "FrameTooLarge"
    assert node.call("talker", "call_other", "free", "echo", 1) == ["answer", 1]
