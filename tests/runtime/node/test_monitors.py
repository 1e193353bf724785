"""Monitors and links between workers: the rules of the Erlang reference manual."""

import pytest

from otpy.events import ChildEnded, ChildStarted, ChildStartFailed
from tests.runtime.test_calls import ask
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: kin
max_restarts: 100000
children:
  - {id: a, start: "WORKERS:Kin", args: [WORK/log]}
  - {id: b, start: "WORKERS:Kin", args: [WORK/log], restart: temporary}
  - {id: frail, start: "WORKERS:Frail", args: [WORK/log], restart: transient}
  - id: deep
    children:
      - {id: c, start: "WORKERS:Kin", args: [WORK/log]}
""".replace("WORKERS", "tests.support.kin_workers")


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


def end(node: NodeUnderTest, path: str, how: str) -> str:
    """End a process, and return the reason that others are to hear."""
    match how:
        case "crash":
            asked = ask(node, path, "crash")
            node.next(ChildEnded, path=path)
            asked.result()
            return "error: ZeroDivisionError: on purpose"
        case "kill":
            node.kill(path)
            return "killed"
        case "normal" | "shutdown" | "bad":
            node.call(path, "end", how)
            return how
        case _:
            node.client.supervisor().terminate_child(path)
            return "shutdown"


HOW = ["crash", "kill", "normal", "shutdown", "bad", "terminate_child"]


# --- monitors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_a_monitor_tells_the_real_reason_once(node: NodeUnderTest, how: str) -> None:
    node.call("a", "monitor", "b")
    reason = end(node, "b", how)
    node.logged("down", True, "b", 1, reason)
    node.call("a", "sync")
    assert [entry[0] for entry in node.log()].count("down") == 1


def test_each_of_several_monitors_tells(node: NodeUnderTest) -> None:
    for _ in range(3):
        node.call("a", "monitor", "b")
    node.kill("b")
    for _ in range(3):
        node.logged("down", True, "b", 1, "killed")


@pytest.mark.parametrize("name", ["b", "nobody"])
def test_a_monitor_of_what_is_dead_tells_noproc_at_once(node: NodeUnderTest, name: str) -> None:
    node.kill("b")
    node.next(ChildEnded, path="b")
    node.call("a", "monitor", name)
    node.logged("down", True, name, 0, "noproc")


def test_what_was_sent_before_the_death_arrives_before_its_down(node: NodeUnderTest) -> None:
    node.call("a", "monitor", "b")
    asked = ask(node, "b", "die_after_sending", "a")
    node.logged("down", True, "b", 1, "killed")
    asked.result()
    heard = [entry for entry in node.log() if entry[0] in {"cast", "down"}]
    assert [entry[2] for entry in heard[:-1]] == [["got", number] for number in range(100)]
    assert heard[-1][0] == "down"


def test_after_demonitor_no_down_arrives(node: NodeUnderTest) -> None:
    node.call("a", "monitor", "b")
    node.call("a", "monitor", "b")
    node.call("a", "demonitor")
    node.kill("b")
    node.logged("down", True, "b", 1, "killed")
    node.call("a", "sync")
    assert [entry[0] for entry in node.log()].count("down") == 1


def test_a_monitor_is_of_one_incarnation(node: NodeUnderTest) -> None:
    node.call("a", "monitor", "c")
    node.recover("deep/c")
    node.logged("down", True, "deep/c", 1, "killed")
    node.recover("deep/c")
    node.call("a", "sync")
    assert [entry[0] for entry in node.log()].count("down") == 1


def test_a_monitor_hears_when_the_supervisor_was_killed(node: NodeUnderTest) -> None:
    node.call("a", "monitor", "c")
    node.kill("deep")
    node.logged("down", True, "deep/c", 1, "killed")


def test_a_function_hears_of_a_death_as_a_message(nodes: Nodes) -> None:
    node = nodes.run(
        """
        name: function
        children:
          - {id: b, start: "tests.support.kin_workers:Kin", args: [WORK/log], restart: temporary}
          - {id: f, start: "tests.support.kin_workers:watch", args: [WORK/log, b]}
        """
    )
    node.logged("watches", "b")
    node.kill("b")
    node.logged("heard", "b", "killed")


# --- links --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_a_process_that_traps_exits_hears_of_a_linked_ones_end(
    node: NodeUnderTest, how: str
) -> None:
    assert node.call("a", "link", "b") == "linked"
    assert node.call("a", "link", "b") == "linked"
    reason = end(node, "b", how)
    node.logged("exit", "b", 1, reason)
    node.call("a", "sync")
    assert [entry[0] for entry in node.log()].count("exit") == 1


def test_a_link_is_symmetric(node: NodeUnderTest) -> None:
    node.call("b", "link", "a")
    node.kill("b")
    node.logged("exit", "b", 1, "killed")
    node.call("a", "link", "c")
    node.kill("a")
    node.logged("exit", "a", 1, "killed")


@pytest.mark.parametrize("how", ["crash", "kill", "bad", "shutdown"])
@pytest.mark.parametrize("linked_by", ["frail", "b"])
def test_one_that_does_not_trap_exits_goes_along_with_the_same_reason(
    node: NodeUnderTest, how: str, linked_by: str
) -> None:
    node.call(linked_by, "link", "b" if linked_by == "frail" else "frail")
    reason = end(node, "b", how)
    assert node.next(ChildEnded, path="frail").reason == reason
    assert ["terminate", "frail", reason] not in node.log()


def test_one_that_does_not_trap_exits_goes_along_from_within_a_handler(
    node: NodeUnderTest,
) -> None:
    node.call("frail", "link", "b")
    asked = ask(node, "frail", "hang")
    node.logged("hangs", "frail")
    node.kill("b")
    assert node.next(ChildEnded, path="frail").reason == "killed"
    asked.result()


def test_one_that_does_not_trap_exits_goes_along_while_it_is_suspended(node: NodeUnderTest) -> None:
    node.call("frail", "link", "b")
    node.client["frail"].suspend()
    node.kill("b")
    assert node.next(ChildEnded, path="frail").reason == "killed"


def test_a_link_to_oneself_is_none(node: NodeUnderTest) -> None:
    for name in ("a", "frail"):
        assert node.call(name, "link", name) == "linked"
        assert node.recover(name).incarnation == 2
        node.call(name, "sync")
    assert "exit" not in [entry[0] for entry in node.log()]


def test_a_normal_end_takes_nobody_along(node: NodeUnderTest) -> None:
    node.call("frail", "link", "b")
    before = node.client["frail"].pid
    end(node, "b", "normal")
    node.next(ChildEnded, path="b")
    node.call("frail", "sync")
    assert node.client["frail"].pid == before


def test_one_taken_along_by_a_shutdown_ended_cleanly(node: NodeUnderTest) -> None:
    node.call("frail", "link", "b")
    end(node, "b", "shutdown")
    assert node.next(ChildEnded, path="frail").clean  # transient: it stays down


def test_after_unlink_nothing_arrives(node: NodeUnderTest) -> None:
    node.call("a", "link", "b")
    node.call("frail", "link", "b")
    node.call("a", "unlink", "b")
    node.call("b", "unlink", "frail")
    before = node.client["frail"].pid
    node.kill("b")
    node.next(ChildEnded, path="b")
    node.call("a", "sync")
    assert "exit" not in [entry[0] for entry in node.log()]
    assert node.client["frail"].pid == before


def test_unlink_of_what_is_gone_never_fails(node: NodeUnderTest) -> None:
    node.call("a", "link", "b")
    node.kill("b")
    node.logged("exit", "b", 1, "killed")
    node.call("a", "unlink", "b")
    node.call("a", "unlink", "nobody")


def test_a_link_to_what_is_dead(node: NodeUnderTest) -> None:
    node.kill("b")
    node.next(ChildEnded, path="b")
    assert node.call("a", "link", "b") == "linked"
    node.logged("exit", "b", 0, "noproc")
    assert node.call("frail", "link", "b") == "NoProcess"


def test_a_link_ends_with_its_incarnation(node: NodeUnderTest) -> None:
    node.call("a", "link", "c")
    node.recover("deep/c")
    node.logged("exit", "deep/c", 1, "killed")
    node.recover("deep/c")
    node.call("a", "sync")
    assert [entry[0] for entry in node.log()].count("exit") == 1


def test_linked_processes_of_a_killed_supervisor(node: NodeUnderTest) -> None:
    node.call("frail", "link", "c")
    node.kill("deep")
    assert node.next(ChildEnded, path="frail").reason == "killed"
    node.next(ChildStarted, path="frail")


@pytest.mark.parametrize("name", ["deep", "root", "@gateway"])
def test_supervisors_and_the_gateway_outlive_those_that_link_to_them(
    node: NodeUnderTest, name: str
) -> None:
    pids = node.pids()
    node.call("b", "link", name)
    node.kill("b")
    node.next(ChildEnded, path="b")
    node.call("c", "sync")
    pids.pop("b")
    assert {path: pid for path, pid in node.pids().items() if path in pids} == pids


def test_what_is_no_name_is_an_error_to_its_user_alone(node: NodeUnderTest) -> None:
    pids = node.pids()
    assert node.call("a", "misname") == ["TypeError"] * 20 + ["ValueError"]
    node.call("c", "sync")
    assert node.pids() == pids


def test_names_may_be_of_a_class_that_supervisors_do_not_know(node: NodeUnderTest) -> None:
    pids = node.pids()
    assert node.call("a", "name_by_constant") == [pids["b"], None]
    assert node.pids() == pids


def test_a_process_that_is_not_needed_ended_normally(nodes: Nodes) -> None:
    node = nodes.run(
        """
        name: ignored
        children:
          - {id: a, start: "tests.support.kin_workers:Kin", args: [WORK/log]}
          - {id: n, start: "tests.support.kin_workers:NotNeeded", args: [WORK/log, a]}
        """
    )
    node.logged("down", True, "n", 1, "normal")
    node.logged("exit", "n", 1, "normal")
    assert node.call("a", "lookup", "news") == []


def test_one_that_does_not_trap_exits_goes_along_from_within_init(nodes: Nodes) -> None:
    node = nodes.start(
        """
        name: doomed
        children:
          - {id: b, start: "tests.support.kin_workers:Kin", args: [WORK/log], restart: temporary}
          - {id: d, start: "tests.support.kin_workers:Doomed", args: [WORK/log, b]}
        """
    )
    assert node.next(ChildStartFailed, path="d").reason == "bad"
    node.wait()
    assert "survived" not in [entry[0] for entry in node.log()]
