"""The registry: names that one process has, and keys that many share."""

from collections.abc import Callable

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import await_end

TREE = """
name: registry
max_restarts: 100000
children:
  - {id: a, start: "WORKERS:Kin", args: [WORK/log]}
  - {id: b, start: "WORKERS:Kin", args: [WORK/log]}
  - id: deep
    max_restarts: 100000
    children:
      - {id: c, start: "WORKERS:Kin", args: [WORK/log, main, news]}
      - {id: t, start: "WORKERS:Kin", args: [WORK/log, "", news], restart: temporary}
""".replace("WORKERS", "tests.support.kin_workers")


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


def registered(node: NodeUnderTest, key: object) -> list[str]:
    return [path for path, _, _ in node.call("a", "lookup", key)]


def test_a_process_is_known_by_a_name_it_takes(node: NodeUnderTest) -> None:
    assert node.client["main"].pid == node.client["deep/c"].pid
    assert node.call("a", "link", "main") == "linked"
    assert node.call("main", "lookup", "nothing") == []


def test_a_second_holder_is_refused(node: NodeUnderTest) -> None:
    assert node.call("a", "register_name", "main") == "already_started"
    assert node.call("a", "register_name", "b") == "already_started"
    assert node.call("a", "register_name", "deep/c") == "already_started"
    assert node.call("deep/c", "register_name", "main") == "registered"


def test_a_name_is_free_when_its_holder_is_dead(node: NodeUnderTest) -> None:
    assert node.call("b", "register_name", "leader") == "registered"
    assert node.call("a", "register_name", "leader") == "already_started"
    await_end(node.kill("b"))
    assert node.call("a", "register_name", "leader") == "registered"
    assert node.client["leader"].pid == node.client["a"].pid


def test_a_call_by_name_waits_for_the_next_incarnation(node: NodeUnderTest) -> None:
    before = node.client["main"].pid
    node.kill("deep/c")
    node.client["main"].call("sync")
    assert node.client["main"].pid != before


def test_many_share_a_key(node: NodeUnderTest) -> None:
    assert registered(node, "news") == ["deep/c", "deep/t"]
    node.call("b", "register", "news", {"since": 1})
    path, pid, value = node.call("a", "lookup", "news")[2]
    assert (path, pid, value) == ("b", node.client["b"].pid, {"since": 1})
    node.call("b", "register", "news", 2)
    assert [entry[2] for entry in node.call("a", "lookup", "news")] == ["deep/c", "deep/t", 2]
    node.call("b", "unregister", "news")
    node.call("b", "unregister", "never")
    assert registered(node, "news") == ["deep/c", "deep/t"]


@pytest.mark.parametrize("key", ["text", 7, ["room", 7], None, {"a": 1}])
def test_a_key_is_any_plain_value(shared: Callable[[str], NodeUnderTest], key: object) -> None:
    node = shared(TREE)
    node.call("b", "register", key, None)
    assert registered(node, key) == ["b"]


def test_an_entry_goes_with_its_process_before_anybody_sees_it_dangle(node: NodeUnderTest) -> None:
    for _ in range(20):
        dead = node.kill("deep/c")
        await_end(dead)
        assert dead not in [pid for _, pid, _ in node.call("a", "lookup", "news")]
        node.client["deep/c"].call("sync")
    await_end(node.kill("deep/t"))
    assert registered(node, "news") == ["deep/c"]


def test_entries_go_with_a_killed_supervisor(node: NodeUnderTest) -> None:
    node.kill("deep/t")
    node.recover("deep")
    node.client["deep/c"].call("sync")
    assert registered(node, "news") == ["deep/c", "deep/t"]


def test_a_dispatched_message_reaches_everybody_registered(node: NodeUnderTest) -> None:
    node.call("a", "register", "news", None)
    assert node.call("a", "dispatch", "news", ["hello", 1]) == 3
    for path in ("deep/c", "deep/t", "a"):
        node.logged("info", path, ["hello", 1])
    assert node.call("a", "dispatch", "silence", "x") == 0


def test_a_client_looks_up_and_dispatches_too(node: NodeUnderTest) -> None:
    found = node.client.lookup("news")
    assert [(each.path, each.value) for each in found] == [
        ("deep/c", "deep/c"),
        ("deep/t", "deep/t"),
    ]
    assert node.client.dispatch("news", ["from outside", 2]) == 2
    for path in ("deep/c", "deep/t"):
        node.logged("info", path, ["from outside", 2])
    assert node.client.lookup("silence") == []


def test_a_client_monitors(node: NodeUnderTest) -> None:
    monitor = node.client["deep/c"].monitor()
    with pytest.raises(otpy.CallTimeout):
        monitor.wait(timeout=0.01)
    node.kill("deep/c")
    assert monitor.wait(timeout=None) == otpy.Down(0, "deep/c", 1, "killed")
    assert monitor.wait() == otpy.Down(0, "deep/c", 1, "killed")
    node.client.supervisor().terminate_child("b")
    assert node.client["b"].monitor().wait() == otpy.Down(0, "b", 0, "noproc")
    assert node.client["nobody"].monitor().wait() == otpy.Down(0, "nobody", 0, "noproc")


def test_a_name_of_the_tree_is_taken_before_init(nodes: Nodes) -> None:
    node = nodes.run(
        """
        name: named
        children:
          - {id: one, name: main, start: "tests.support.kin_workers:Kin", args: [WORK/log]}
        """
    )
    assert node.client["main"].pid == node.client["one"].pid
    second = {"id": "two", "name": "main", "start": "tests.support.kin_workers:Kin", "args": ["x"]}
    with pytest.raises(otpy.SupervisorError, match="already_started: 'main' is 'one'"):
        node.client.supervisor().start_child(second)
    node.kill("one")
    node.next(ChildEnded, path="one")
    node.client["main"].call("sync")
    assert node.client["main"].incarnation == 2


def test_a_name_is_free_again_after_a_failed_init(nodes: Nodes) -> None:
    node = nodes.run("""
        name: again
        children:
          - {id: a, name: main, start: "tests.support.workers:Remote",
             args: [WORK/log, [ok, error, error, ok]]}
        """)
    node.kill("a")
    assert node.next(ChildStarted, path="a", incarnation=4).pid == node.client["main"].pid
    assert node.call("main", "identity")[1] == 4


def test_what_is_too_large_for_the_registry_is_refused(node: NodeUnderTest) -> None:
    assert node.call("a", "register_large") == "FrameTooLarge"
    with pytest.raises(otpy.FrameTooLarge):
        node.client.lookup("x" * 100_000)
    assert registered(node, "news") == ["deep/c", "deep/t"]
