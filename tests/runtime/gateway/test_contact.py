"""First contact: who is connected to whom by which way, and what becomes of it when one dies."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted
from otpy.wire import link as wire_link
from otpy.wire.codec import pack
from otpy.wire.frames import frame
from tests.runtime.test_calls import Asked
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S, descriptors
from tests.support.raw import RawClient

TREE = """
name: contact
max_restarts: 100000
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: answers, start: "tests.support.workers:answers", args: [WORK/log]}
  - {id: talker, start: "tests.support.peer_workers:Talker", args: [WORK/log]}
"""


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


def meet(name: str = "a", *request: object, timeout: float = DEADLINE_S) -> object:
    """Call from a connection of its own."""
    with otpy.connect("contact", timeout=DEADLINE_S) as client:
        return client[name].call(*request or ("get_count",), timeout=timeout)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def files_of_the_gateway(node: NodeUnderTest) -> int:
    """Count its open files, once it has seen which clients have gone."""
    with RawClient(node) as client:
        client.hello()
        client.ask("whereis", {"name": ""})
        return len(descriptors(node.pids()["@gateway"]))


def sockets(pid: int) -> int:
    return sum(what.startswith("socket:") for what in descriptors(pid).values())


def test_who_was_met_once_is_met_again_without_its_supervisor(node: NodeUnderTest) -> None:
    meet()
    with stopped(node.pids()[""]), stopped(node.pid):
        assert meet() == 0
        assert meet("a", "increment") == 1
        with pytest.raises(otpy.CallTimeout):
            meet("b", timeout=0.2)
    assert meet("b") == 0


def test_who_knows_the_hello_need_not_be_sent_it(node: NodeUnderTest) -> None:
    meet()
    call = [wire_link.CALL, 1, "get_count"]
    with RawClient(node) as client, client.link("a") as link:
        assert link.message()[0] == wire_link.HELLO
        link.say(call)
        assert link.message() == [wire_link.REPLY, 1, 0]
    with RawClient(node) as client, client.link("a", version=wire_link.VERSION) as link:
        link.say(call)
        assert link.message() == [wire_link.REPLY, 1, 0]


def test_who_speaks_another_version_is_told_so_however_he_came(
    node: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_link, "VERSION", wire_link.VERSION + 1)
    for _ in range(3):  # by the supervisors, then by the hand-off socket
        with pytest.raises(otpy.ProtocolError, match="both need the same otpy"):
            meet()


def test_every_kind_of_worker_is_met(node: NodeUnderTest) -> None:
    for _ in range(3):
        assert meet("answers", "hello") == ["answer to", "hello"]


def test_workers_of_one_supervisor_are_introduced_by_it(node: NodeUnderTest) -> None:
    meet("talker", "call_other", "nobody", "x")
    with stopped(node.pid):
        assert meet("talker", "call_other", "a", "increment") == ["answer", 1]
        assert meet("talker", "call_within", 0.1, "b/c", "x")[0] == "CallTimeout"  # type: ignore[index]
    node.recover("a")
    assert meet("talker", "call_other", "a", "increment") == ["answer", 1]
    assert meet("talker", "call_other", "talker", "x")[0] == "CallingSelf"  # type: ignore[index]


def test_a_worker_that_dies_before_it_hears_of_the_link(node: NodeUnderTest) -> None:
    meet()
    pid = node.pids()["a"]
    os.kill(pid, signal.SIGSTOP)
    with otpy.connect("contact", timeout=DEADLINE_S) as client:
        pending = client["a"].send_request("note_once", 1)  # it is in the pipe by now
        client["a"].cast("increment_later")
        os.kill(pid, signal.SIGKILL)
        assert pending.result(DEADLINE_S) == 1
        assert client["a"].call("get_count") == 0  # the cast was to the one that died
    assert node.log().count(["ran", 1]) == 1


def test_a_request_that_timed_out_is_run_at_most_once(node: NodeUnderTest) -> None:
    meet()
    with stopped(node.pids()["a"]), pytest.raises(otpy.CallTimeout):
        meet("a", "note_once", 1, timeout=0.1)
    meet()
    assert node.log().count(["ran", 1]) <= 1


def test_more_links_than_a_stopped_worker_has_room_for(node: NodeUnderTest) -> None:
    meet()
    before = files_of_the_gateway(node)
    with stopped(node.pids()["a"]):
        for _ in range(400):
            with RawClient(node) as client, client.link("a"):
                pass
        asked = Asked(lambda: meet("a", "increment"))
        assert meet("b") == 0
    assert asked.result() == 1
    assert meet("a", "increment") == 2
    node.call("a", "increment")
    # b's hand-off socket; the connection of `node.call`
    assert files_of_the_gateway(node) <= before + 3
    pipes = [what for what in descriptors(node.pids()["a"]).values() if what.startswith("pipe:")]
    assert len(pipes) < 20, "links that nobody holds any more are closed"


def test_a_suspended_worker_can_be_met_once_it_is_resumed(node: NodeUnderTest) -> None:
    meet()
    node.client["a"].suspend()
    with pytest.raises(otpy.CallTimeout):
        meet("a", "increment", timeout=0.1)
    node.client["a"].resume()
    assert meet("a", "increment") in (1, 2)


def test_what_was_sent_before_a_stop_is_handled_before_it(node: NodeUnderTest) -> None:
    meet()
    pid, fifo = node.pids()["a"], node.work / "log.fifo"
    os.mkfifo(fifo)
    node.client["a"].cast_many(["await_fifo", "increment_later"])  # busy, and not done then
    node.logged("awaits")
    with RawClient(node) as raw, otpy.connect("contact", timeout=DEADLINE_S) as client:
        raw.hello()
        pending = client["a"].send_request("identity")
        order = {"name": "a", "incarnation": 1, "reason": "normal"}
        raw.send(frame(pack([7, "stop", order])))
        raw.ask("statistics", {"name": "a"}, number=8)  # its supervisor has passed that on
        fifo.write_bytes(b"go on")
        assert pending.result(DEADLINE_S) == [pid, 1]
    node.next(ChildEnded, path="a", reason="normal")


def test_a_worker_that_is_restarted_is_met_again(node: NodeUnderTest) -> None:
    meet()
    before = files_of_the_gateway(node)
    for number in range(2, 12):
        node.recover("a")
        assert meet("a", "identity")[1] == number  # type: ignore[index]
        assert meet("a", "identity")[1] == number  # type: ignore[index]
    assert files_of_the_gateway(node) <= before


def test_a_killed_gateway_leaves_no_doors_behind(node: NodeUnderTest) -> None:
    meet()
    before = sockets(node.pids()["a"])
    for _ in range(5):
        node.recover("@gateway")
        assert meet() == 0
        assert meet() == 0
    node.call("a", "get_count")
    assert sockets(node.pids()["a"]) == before


def test_a_killed_supervisor_takes_its_doors_along(nodes: Nodes) -> None:
    node = nodes.run("""
        name: contact
        max_restarts: 1000
        children:
          - id: pool
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    meet()
    before = files_of_the_gateway(node)
    for number in range(2, 6):
        node.recover("pool")
        assert meet("a", "identity")[1] == number  # type: ignore[index]
    assert files_of_the_gateway(node) <= before


def test_who_is_stopped_for_good_is_not_met_by_its_door(node: NodeUnderTest) -> None:
    meet()
    node.client.supervisor().terminate_child("a")
    with pytest.raises(otpy.NoProcess):
        meet()
    node.client.supervisor().restart_child("a")
    assert meet("a", "identity")[1] == 2  # type: ignore[index]


def test_who_is_hung_in_its_init_is_waited_for(nodes: Nodes) -> None:
    node = nodes.run("""
        name: contact
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [ok, fifo]]}
        """)
    meet()
    os.mkfifo(nodes.work / "log.fifo")
    node.kill("a")
    node.logged("init", "a", 2, "fifo")
    with pytest.raises(otpy.CallTimeout):
        meet(timeout=0.1)
    asked = Asked(meet)
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert asked.result() == 0
    assert meet("a", "identity")[1] == 2  # type: ignore[index]


@contextmanager
def hung(nodes: Nodes) -> Iterator[NodeUnderTest]:
    """A node whose `a` hangs in its second init, in a pool of its own."""
    node = nodes.run("""
        name: contact
        children:
          - id: pool
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [ok, fifo]]}
          - {id: talker, start: "tests.support.peer_workers:Talker", args: [WORK/log]}
        """)
    meet("talker", "call_other", "a", "get_count")
    os.mkfifo(nodes.work / "log.fifo")
    node.kill("pool/a")
    node.logged("init", "pool/a", 2, "fifo")
    yield node
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert meet() == 0
    assert meet("talker", "call_other", "a", "get_count") == ["answer", 0]


def in_the_tree(node: NodeUnderTest) -> dict[str, int]:
    """Count the open files of the node and its supervisors, which have done all before."""
    with RawClient(node) as client:
        client.hello()
        client.ask("statistics", {"name": "pool", "below": True})
        pids = node.pids() | {"@node": node.pid}
        return {path: len(descriptors(pids[path])) for path in ("@node", "", "pool", "@gateway")}


def test_a_supervisor_keeps_nothing_for_clients_who_have_given_up(nodes: Nodes) -> None:
    with hung(nodes) as node:
        before = in_the_tree(node)
        for _ in range(10):
            with pytest.raises(otpy.CallTimeout):
                meet(timeout=0.02)
        assert in_the_tree(node) == before


def test_a_supervisor_keeps_nothing_for_clients_who_have_gone(nodes: Nodes) -> None:
    with hung(nodes) as node:
        before = in_the_tree(node)
        for _ in range(10):
            with RawClient(node) as client:
                client.hello()
                client.send(frame(pack([2, "connect", {"name": "a", "timeout": None}])))
                client.ask("whereis", {"name": "a"}, number=3)  # it has read that, too
        node.recover("@gateway")  # of whom the node and the supervisors hold nothing then
        meet("talker", "call_other", "talker", "remembered")
        assert in_the_tree(node) == before


def test_a_supervisor_keeps_nothing_for_workers_who_have_given_up(nodes: Nodes) -> None:
    with hung(nodes) as node:
        node.call("talker", "call_other", "nobody", "x")
        before = in_the_tree(node)
        for _ in range(10):
            outcome = node.call("talker", "call_within", 0.02, "a", "get_count")
            assert outcome[0] == "CallTimeout"
        node.call("talker", "call_other", "nobody", "x")  # the node has heard it all
        assert in_the_tree(node) == before
        talker = node.client["talker"]
        lost = talker.send_request("call_within", DEADLINE_S, "a", "get_count")
        while "in _await" not in talker.stack(timeout=DEADLINE_S):
            assert not lost.done()
        node.recover("talker")
        node.call("talker", "call_other", "nobody", "x")
        assert in_the_tree(node) == before


def test_a_killed_gateways_requests_are_forgotten(nodes: Nodes) -> None:
    with hung(nodes) as node:
        meet("talker", "call_other", "talker", "get_count")
        before = in_the_tree(node)
        for _ in range(3):
            with RawClient(node) as client:
                client.hello()
                client.send(frame(pack([2, "connect", {"name": "a", "timeout": None}])))
                client.ask("statistics", {"name": "pool", "below": True}, number=3)
                held = in_the_tree(node)
                assert held["pool"] > before["pool"]
                node.recover("@gateway")
            meet("talker", "call_other", "talker", "get_count")
            assert in_the_tree(node) == before


def test_children_of_a_dynamic_supervisor_come_and_go(nodes: Nodes) -> None:
    node = nodes.run("""
        name: contact
        children:
          - {id: pool, strategy: dynamic, children: []}
        """)
    pool = node.client.supervisor("pool")
    spec = {"id": "a", "start": "tests.support.workers:Remote", "args": [str(nodes.work / "log")]}
    pool.start_child(spec)
    meet()
    before = files_of_the_gateway(node)
    for _ in range(5):
        pool.terminate_child("a")
        with pytest.raises(otpy.NoProcess):
            meet()
        pool.start_child(spec)
        assert meet("a", "increment") == 1
        assert meet("a", "increment") == 2
    assert files_of_the_gateway(node) <= before


def test_a_storm_of_new_connections_while_everybody_is_killed(nodes: Nodes) -> None:
    node = nodes.run("""
        name: contact
        max_restarts: 100000
        children:
          - id: pool
            max_restarts: 100000
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    outcomes: dict[int, object] = {}

    def ask_in_turn(first: int) -> None:
        for number in range(first, first + 20):
            try:
                outcomes[number] = meet("a", "note_once", number)
            except otpy.ProcessDown as error:
                outcomes[number] = error

    askers = [Asked(lambda n=n: ask_in_turn(20 * n)) for n in range(20)]  # type: ignore[misc]
    for path in ["a", "@gateway", "pool", "a", "a", "@gateway", "a", "pool", "a"]:
        node.recover("pool/a" if path == "a" else path)
    assert [error for asker in askers if (error := asker.result()) is not None] == []
    ran = Counter(number for kind, number, *_ in node.log() if kind == "ran")
    assert max(ran.values()) == 1, "nothing runs twice"
    assert sorted(outcomes) == list(range(400))
    for number, outcome in outcomes.items():
        assert outcome == number or isinstance(outcome, otpy.ProcessDown)
        if outcome == number:
            assert ran[number] == 1
    assert node.seen(ChildEnded, path="pool/a")
    assert node.seen(ChildStarted, path="pool/a")
