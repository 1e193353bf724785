"""Calls while workers die: an answer or an error, never silence."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted, ChildStarting
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

REMOTE = """
name: remote
max_restarts: 100000
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
"""


class Asked:
    """A call that is under way in a thread of its own."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._result: Any = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self._result = call()
        except BaseException as error:  # noqa: BLE001  # the test looks at it
            self._result = error

    def result(self) -> Any:
        """Wait for the answer or the error."""
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the caller hangs"
        return self._result


def ask(node: NodeUnderTest, path: str, *request: object) -> Asked:
    """Call without a timeout: only the death of the worker can end this."""
    client = node.client
    return Asked(lambda: client[path].call(*request, timeout=None))


@pytest.mark.parametrize("grandchild", ["", "plain", "setsid", "daemon", "stubborn", "command"])
def test_a_caller_hears_at_once_that_the_worker_was_killed(nodes: Nodes, grandchild: str) -> None:
    node = nodes.run(REMOTE)
    if grandchild:
        node.call("a", "fork", grandchild)
    asked = ask(node, "a", "hang")
    node.logged("hangs", "a")
    node.kill("a")
    error = asked.result()
    assert isinstance(error, otpy.ProcessDown)
    assert error.reason == "killed"


def test_a_caller_hears_what_the_worker_raised(nodes: Nodes) -> None:
    node = nodes.run(REMOTE)
    with pytest.raises(otpy.ProcessDown) as caught:
        node.call("a", "crash", "boom")
    assert caught.value.reason == "error: RuntimeError: boom"
    assert "in crash" in caught.value.traceback
    assert "boom" in caught.value.traceback


def test_two_hundred_callers_all_get_an_answer_or_an_error(nodes: Nodes) -> None:
    node = nodes.run(REMOTE)
    shared = node.client
    results: list[object] = []

    def call_ten_times(number: int) -> None:
        # Half of them share a connection, half have one of their own.
        client = shared if number % 2 else otpy.connect("remote", timeout=DEADLINE_S)
        for _ in range(10):
            try:
                results.append(client["a"].call("increment", timeout=DEADLINE_S))
            except otpy.ProcessDown as error:
                results.append(error.reason)
        if client is not shared:
            client.close()

    callers = [Asked(lambda n=n: call_ten_times(n)) for n in range(200)]  # type: ignore[misc]
    for _ in range(10):
        node.recover("a")
    assert [error for caller in callers if (error := caller.result()) is not None] == []
    assert len(results) == 2000
    assert {result for result in results if isinstance(result, str)} <= {"killed"}


def test_a_call_right_after_kill_9_is_answered_by_the_next_incarnation(nodes: Nodes) -> None:
    node = nodes.run(REMOTE)
    for number in range(2, 52):
        pid, _ = node.call("a", "identity")
        os.kill(pid, 9)
        new_pid, incarnation = node.call("a", "identity")
        assert (new_pid != pid, incarnation) == (True, number)


def test_the_same_with_a_new_connection_each_time(nodes: Nodes) -> None:
    node = nodes.run(REMOTE)
    for number in range(2, 12):
        os.kill(node.client["a"].pid, 9)
        node.disconnect()
        assert node.call("a", "identity")[1] == number


def test_a_call_waits_for_a_worker_that_is_being_started(nodes: Nodes) -> None:
    node = nodes.run("""
        name: waiting
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [ok, fifo]]}
        """)
    os.mkfifo(nodes.work / "log.fifo")
    node.kill("a")
    node.logged("init", "a", 2, "fifo")
    held = [ask(node, "a", "identity") for _ in range(10)]
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert [asked.result()[1] for asked in held] == [2] * 10


def test_a_call_waits_over_starts_that_fail(nodes: Nodes) -> None:
    node = nodes.run("""
        name: failing
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [ok, error, exit]]}
        """)
    node.kill("a")
    assert node.call("a", "identity")[1] == 4


def test_a_call_waits_for_a_nested_supervisor_that_is_being_restarted(nodes: Nodes) -> None:
    node = nodes.run("""
        name: nested
        children:
          - id: upper
            children:
              - id: lower
                children:
                  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    for number, path in enumerate(["upper", "upper/lower", "upper"], start=2):
        node.kill(path)
        node.next(ChildEnded, path=path)
        assert node.call("a", "identity")[1] == number
        assert node.call("upper/lower/a", "identity")[1] == number
        node.next(ChildStarted, path=path)


def test_who_is_stopped_for_good_is_no_process(nodes: Nodes) -> None:
    node = nodes.run("""
        name: stopped
        children:
          - {id: terminated, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: transient, start: "tests.support.workers:Remote", args: [WORK/log],
             restart: transient}
          - {id: temporary, start: "tests.support.workers:Remote", args: [WORK/log],
             restart: temporary}
          - {id: ignored, start: "tests.support.workers:Remote", args: [WORK/log, [ignore]]}
          - {id: program, command: [sleep, "100000"]}
          - {id: branch, children: []}
        """)
    node.client.supervisor().terminate_child("terminated")
    for path in ("transient", "temporary"):
        node.client[path].cast("stop_later", "normal")
        node.next(ChildEnded, path=path)
    for path in ("terminated", "transient", "temporary", "ignored", "program", "branch", "nobody"):
        with pytest.raises(otpy.NoProcess):
            node.call(path, "identity")


def test_a_call_that_waits_is_refused_once_nobody_will_come(nodes: Nodes) -> None:
    node = nodes.run("""
        name: terminated
        max_restarts: 1
        children:
          - id: branch
            restart: temporary
            max_restarts: 1
            max_seconds: 1h
            children:
              - {id: a, start: "tests.support.workers:Remote",
                 args: [WORK/log, [ok, fifo, error]]}
        """)
    os.mkfifo(nodes.work / "log.fifo")
    node.kill("branch/a")
    node.logged("init", "branch/a", 2, "fifo")
    asked = ask(node, "a", "identity")
    # It dies in its init; the retry is one restart too many, and nobody restarts the branch.
    os.kill(node.next(ChildStarting, path="branch/a", incarnation=2).pid, 9)
    assert isinstance(asked.result(), otpy.NoProcess)


def test_what_one_client_sends_arrives_in_order(nodes: Nodes) -> None:
    node = nodes.run(REMOTE)
    for _ in range(1000):
        node.client["a"].cast("increment_later")
    node.client["a"].cast_many("increment_later" for _ in range(1000))
    assert node.call("a", "get_count") == 2000


def test_calls_to_the_same_name_never_reach_an_earlier_incarnation(nodes: Nodes) -> None:
    node = nodes.run(REMOTE)
    for _ in range(5):
        node.call("a", "increment")
        node.recover("a")
        assert node.call("a", "get_count") == 0
    assert len(node.seen(ChildStarting, path="a")) == 6
