"""What workers do, read by their supervisors: no worker is asked, so none can be too stuck."""

import os
import signal
import threading
from collections.abc import Callable

import pytest

import otpy
from otpy.events import ChildStarted, ChildStarting
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

TREE = """
name: shown
max_restarts: 100
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log], shutdown: 1s}
  - id: pool
    max_restarts: 100
    children:
      - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
      - {id: f, start: "tests.support.workers:waits"}
      - {id: c, command: [sleep, "1000"]}
"""


def read(node: NodeUnderTest, name: str) -> otpy.Statistics:
    return node.client[name].statistics(timeout=DEADLINE_S)


def test_messages_are_counted_by_incarnation(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    assert read(node, "a").messages == 0
    for _ in range(3):
        node.call("a", "increment")
    node.client["a"].cast("increment_later")
    assert node.call("a", "get_count") == 4
    statistics = read(node, "a")
    assert statistics.messages == 5
    assert (statistics.calls, statistics.casts, statistics.infos) == (4, 1, 0)
    assert statistics.queue == 0
    assert (statistics.path, statistics.incarnation) == ("a", 1)
    assert statistics.pid == node.pids()["a"]
    again = node.recover("a")
    assert (read(node, "a").messages, read(node, "a").pid) == (0, again.pid)


@pytest.mark.parametrize("server", ["workers:Contract", "async_workers:AsyncContract"])
def test_calls_casts_and_other_messages_are_told_apart(nodes: Nodes, server: str) -> None:
    node = nodes.run(f"""
        name: kinds
        children:
          - {{id: a, start: "tests.support.{server}", args: [WORK/log]}}
          - {{id: f, start: "tests.support.workers:answers", args: [WORK/log]}}
        """)
    node.client["a"].cast_many([("put", number) for number in range(3)])
    for number in range(2):
        node.call("a", "after", 0.0, number)
        node.logged("info", number)
    statistics = read(node, "a")
    assert (statistics.calls, statistics.casts, statistics.infos) == (2, 3, 2)
    assert statistics.messages == 7
    node.client["f"].cast("note", 1)
    assert node.call("f", "hello") == ["answer to", "hello"]
    statistics = read(node, "f")
    assert (statistics.calls, statistics.casts, statistics.infos) == (1, 1, 0)


def test_a_worker_that_waits_is_not_busy(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.call("pool/b", "increment")
    # Its reply may have been read a moment before it waits again.
    others = (read(node, "b") for _ in range(1000))
    assert any(statistics.busy is None for statistics in others)


@pytest.mark.parametrize("how", ["python", "c"])
def test_a_worker_that_is_stuck_shows_for_how_long_and_how_much_waits(
    nodes: Nodes, how: str
) -> None:
    node = nodes.run(TREE)
    ref = node.client["a"]
    node.call("a", "increment")
    os.kill(node.pids()["a"], signal.SIGSTOP)
    ref.cast("hang_later", how)
    for _ in range(5):
        ref.cast("increment_later")
    os.kill(node.pids()["a"], signal.SIGCONT)
    node.logged("hangs", "a")
    first, second = read(node, "a"), read(node, "a")
    assert first.busy is not None
    assert second.busy is not None
    assert 0 <= first.busy < second.busy
    assert (first.messages, first.queue) == (2, 5)


def test_all_workers_of_the_tree_at_once(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.call("b", "increment")
    statistics = node.client.statistics(timeout=DEADLINE_S)
    assert set(statistics) == {"a", "pool/b", "pool/f"}  # a command takes no messages
    assert statistics["pool/b"].messages == 1
    assert {path: each.pid for path, each in statistics.items()} == {
        path: pid for path, pid in node.pids().items() if path in statistics
    }


def test_a_worker_that_hangs_in_its_init_is_busy(nodes: Nodes) -> None:
    node = nodes.start("""
        name: slow
        children:
          - id: deep
            children:
              - id: a
                start: tests.support.workers:Remote
                args: [WORK/log, [hang]]
                shutdown: brutal_kill
        """)
    node.logged("init", "deep/a", 1, "hang")
    node.next(ChildStarting, path="deep/a")
    statistics = read(node, "a")
    assert statistics.messages == 0
    assert statistics.busy is not None


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("pool", "is a supervisor"), ("c", "is a command"), ("zzz", "no process is named")],
)
def test_who_has_no_statistics(nodes: Nodes, name: str, complaint: str) -> None:
    node = nodes.run(TREE)
    with pytest.raises(otpy.NoProcess, match=complaint):
        read(node, name)


def test_a_child_that_is_stopped_has_none(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.client.supervisor().terminate_child("a")
    with pytest.raises(otpy.NoProcess, match="has no process now"):
        read(node, "a")
    assert set(node.client.statistics()) == {"pool/b", "pool/f"}


def test_a_gauge_that_was_used_before_begins_anew(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    for number in range(1, 30):
        assert read(node, "b").messages == 0
        node.call("b", "increment")
        assert node.recover("pool/b").incarnation == number + 1


def test_what_a_worker_forked_does_not_count(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.call("a", "fork", "plain")
    messages = read(node, "a").messages
    node.call("a", "increment")
    assert read(node, "a").messages == messages + 1


def test_reading_goes_on_while_workers_come_and_go(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    errors: list[BaseException] = []
    stop = threading.Event()

    def watch(look: Callable[[], object]) -> None:
        while not stop.is_set():
            try:
                look()
            except (otpy.NoProcess, otpy.ProcessDown):
                pass  # it, or its supervisor, is just being restarted
            except BaseException as error:  # noqa: BLE001  # the test looks at it
                errors.append(error)
                return

    looks: list[Callable[[], object]] = [node.client.statistics, node.client["b"].statistics]
    threads = [threading.Thread(target=watch, args=(look,)) for look in looks]
    for thread in threads:
        thread.start()
    for _ in range(10):
        node.kill("pool/b")
        node.next(ChildStarted, path="pool/b")
    node.kill("pool")
    node.next(ChildStarted, path="pool")
    stop.set()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert errors == []
