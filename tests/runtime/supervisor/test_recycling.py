"""Children that are replaced when they reach `max_memory`, `max_age` or `max_messages` (10.5)."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

import otpy.aio
from otpy.events import (
    ChildEnded,
    ChildRemoved,
    ChildRestarting,
    ChildStarted,
    GaveUp,
)
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

MIB = 1 << 20


def replaced(node: NodeUnderTest, path: str) -> ChildEnded:
    """Return the end of a child that was replaced, once its next incarnation is up."""
    ended = node.next(ChildEnded, path=path)
    assert ended.reason.startswith("recycled: ")
    assert ended.clean
    node.next(ChildStarted, path=path, incarnation=ended.incarnation + 1)
    return ended


def nobody_failed(node: NodeUnderTest) -> None:
    assert not node.seen(GaveUp)
    assert not node.seen(ChildRestarting)


@pytest.mark.parametrize(
    "server", ["workers:Remote", "workers:Untrapped", "watched_workers:AsyncRemote"]
)
def test_a_server_is_replaced_after_so_many_messages(nodes: Nodes, server: str) -> None:
    node = nodes.run(f"""
        name: counted
        strategy: one_for_all
        max_restarts: 0
        children:
          - {{id: sibling, start: "tests.support.workers:Remote", args: [WORK/other]}}
          - {{id: a, start: "tests.support.{server}", args: [WORK/log], max_messages: 3}}
        """)
    pids = node.pids()
    for number in (1, 2, 3, 1, 2, 3, 1):
        assert node.call("a", "increment") == number
    for incarnation in (1, 2):
        ended = replaced(node, "a")
        assert (ended.reason, ended.incarnation) == ("recycled: messages 3", incarnation)
        assert ended.messages == 3
        node.logged("terminate", "a", incarnation, "recycled: messages 3")
    assert node.says(r"a: replacing it after recycled: messages 3")
    assert node.incarnations()["sibling"] == 1
    assert node.pids()["sibling"] == pids["sibling"]
    nobody_failed(node)
    assert node.stop() == 0


def test_messages_that_were_read_are_handled_before(nodes: Nodes) -> None:
    node = nodes.run("""
        name: flooded
        max_restarts: 0
        children:
          - id: a
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            max_messages: {limit: 5, jitter: 0}
        """)
    os.mkfifo(f"{node.work}/log.fifo")
    node.client["a"].cast_many([("await_fifo",), *[("note_number", "cast")] * 50])
    node.logged("awaits")
    (node.work / "log.fifo").write_text("")
    assert replaced(node, "a").messages == 51
    assert len([entry for entry in node.log() if entry[0] == "cast"]) == 50
    nobody_failed(node)


def test_a_child_is_replaced_at_an_age(nodes: Nodes) -> None:
    """A server, a function, a program, a supervisor; transient ones, too, and instances."""
    node = nodes.run("""
        name: aged
        max_restarts: 0
        children:
          - {id: server, start: "tests.support.workers:Remote", args: [WORK/log], max_age: 200ms}
          - {id: function, start: "tests.support.workers:waits", max_age: 200ms, restart: transient}
          - {id: program, command: [sleep, "1000"], max_age: 200ms, shutdown: infinity}
          - id: fails
            command: [sh, -c, "trap 'kill $!; exit 3' TERM; sleep 1000 & wait"]
            max_age: 200ms
          - {id: brutal, command: [sleep, "1000"], max_age: 200ms, shutdown: brutal_kill}
          - id: pool
            max_restarts: 0
            max_age: {limit: 200ms, jitter: 0.5}
            children:
              - {id: inner, start: "tests.support.workers:Remote", args: [WORK/inner]}
          - id: twins
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            instances: 2
            max_restarts: 0
            max_age: 300ms
        """)
    for path in ("server", "function", "program", "fails", "brutal", "pool", "twins/0", "twins/1"):
        reason = "recycled: age 300 ms" if "/" in path else "recycled: age 200 ms"
        assert replaced(node, path).reason == reason, path
    assert node.seen(ChildStarted, path="pool/inner", incarnation=2)
    nobody_failed(node)
    assert node.stop() == 0


def test_a_temporary_child_ends_at_its_age(nodes: Nodes) -> None:
    node = nodes.run("""
        name: once
        children:
          - {id: a, start: "tests.support.workers:waits", max_age: 20ms, restart: temporary}
        """)
    assert node.next(ChildEnded, path="a").reason == "recycled: age 20 ms"
    node.next(ChildRemoved, path="a")
    assert not node.seen(ChildStarted, path="a", incarnation=2)


def test_the_message_in_hand_is_finished_and_its_budget_begins_then(nodes: Nodes) -> None:
    node = nodes.run("""
        name: patient
        max_restarts: 0
        children:
          - id: a
            start: "tests.support.workers:Remote"
            args: [WORK/log, [], hang]
            shutdown: 10ms
            max_age: {limit: 300ms, jitter: 0}
        """)
    os.mkfifo(f"{node.work}/log.fifo")
    node.client["a"].cast("await_fifo")
    node.logged("awaits")
    other = node.client["a"]
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(other.call, "get_count", timeout=60)
        (node.work / "log.fifo").write_text("")
        assert waiting.result() == 0
    ended = replaced(node, "a")
    assert (ended.reason, ended.overdue) == ("recycled: age 300 ms", True)
    nobody_failed(node)


def test_a_crash_in_terminate_is_a_failure(nodes: Nodes) -> None:
    node = nodes.run("""
        name: crashing
        max_restarts: 1
        children:
          - id: a
            start: "tests.support.workers:Remote"
            args: [WORK/log, [], raise]
            max_age: 20ms
        """)
    assert node.next(ChildEnded, path="a").reason == "error: LookupError: terminate failed"
    assert node.next(GaveUp, path="").restarts == 2
    assert node.wait() == 1


def test_a_child_is_replaced_when_its_processes_have_too_much_memory(nodes: Nodes) -> None:
    node = nodes.run("""
        name: grown
        max_restarts: 0
        children:
          - id: a
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            max_memory: {limit: 64MiB, jitter: 0}
          - id: program
            command: [python3, -c, "import time; kept = b'x' * (1 << 26); time.sleep(1000)"]
            max_memory: 48MiB
          - {id: small, command: [sleep, "1000"], max_memory: 48MiB}
          - id: pool
            max_restarts: 0
            max_memory: 64MiB
            children:
              - {id: inner, start: "tests.support.workers:Remote", args: [WORK/inner]}
          - id: parent
            start: "tests.support.watched_workers:leaves_a_daemon"
            args: [80000000]
            max_memory: {limit: 64MiB, jitter: 0}
        """)
    node.call("pool/inner", "allocate", 80 * MIB)
    for path, size in (("program", 48), ("parent", 64), ("pool", 64)):
        # It may have ended while the others started.
        if not (ended := next(iter(node.seen(ChildEnded, path=path)), None)):
            ended = node.next(ChildEnded, path=path)
        assert ended.reason == f"recycled: memory {size} MiB"
    node.call("a", "allocate", 70 * MIB)
    assert replaced(node, "a").reason == "recycled: memory 64 MiB"
    assert node.incarnations()["small"] == 1
    nobody_failed(node)
    assert node.stop() == 0


def test_a_worker_cannot_say_by_itself_that_it_was_recycled(nodes: Nodes) -> None:
    node = nodes.run("""
        name: liar
        max_restarts: 0
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.client["a"].cast("stop_later", "recycled: age 1 h")
    assert not node.next(ChildEnded, path="a").clean
    assert node.next(GaveUp, path="").restarts == 1
    assert node.wait() == 1


@pytest.mark.parametrize("limit", ["max_messages: 20", "max_age: 100ms"])
def test_no_call_fails_while_servers_are_replaced(nodes: Nodes, limit: str) -> None:
    """Of many callers, with asyncio too, of every kind of server, and of a pool."""
    node = nodes.run(f"""
        name: busy
        max_restarts: 0
        children:
          - {{id: a, start: "tests.support.workers:Remote", args: [WORK/log], {limit}}}
          - {{id: b, start: "tests.support.workers:Untrapped", args: [WORK/log], {limit}}}
          - {{id: c, start: "tests.support.watched_workers:AsyncRemote", args: [WORK/log], {limit}}}
          - id: pool
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            instances: 2
            max_restarts: 0
            {limit}
        """)
    client, names = node.client, ("a", "b", "c", "pool")

    def call(name: str) -> None:
        for _ in range(25):
            client[name].call("increment", timeout=DEADLINE_S)

    async def call_with_asyncio() -> None:
        async with otpy.aio.connect("busy") as connected:
            for name in names * 8:
                await connected[name].call("increment", timeout=DEADLINE_S)

    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(call, name) for name in names * 2]
        asyncio.run(call_with_asyncio())
        for each in waiting:
            each.result()
    assert node.incarnations()["a"] > 1
    nobody_failed(node)


def test_what_is_linked_to_one_that_is_replaced_ends_with_it_and_does_not_count(
    nodes: Nodes,
) -> None:
    node = nodes.run("""
        name: linked
        max_restarts: 0
        children:
          - {id: b, start: "tests.support.workers:Remote", args: [WORK/log], max_messages: 2}
          - {id: a, start: "tests.support.watched_workers:Linked", args: [WORK/log, b]}
        """)
    assert [node.call("b", "increment") for _ in range(2)] == [1, 2]
    for path in ("b", "a"):
        ended = next(iter(node.seen(ChildEnded, path=path)), None)
        assert (ended or node.next(ChildEnded, path=path)).reason == "recycled: messages 2"
    assert node.call("a", "increment") == 1
    nobody_failed(node)
    assert node.stop() == 0
