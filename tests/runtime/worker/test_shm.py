"""Large values between workers lie in memory that both share; all else stays as with a pipe."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.runtime.test_calls import ask
from tests.runtime.worker.test_overload import resident
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import descriptors
from tests.support.shm_workers import KINDS, shm_maps

TREE = """
name: shm
max_restarts: 100000
children:
  - {id: giver, start: "WORKERS:Giver"}
  - {id: async, start: "WORKERS:AsyncGiver"}
  - {id: taker, start: "WORKERS:Taker", args: [WORK/log], shutdown: brutal_kill}
""".replace("WORKERS", "tests.support.shm_workers")

KEPT = 8 << 20
MIB = 1 << 20
LIMITS = [(1 << 16) - 1, 1 << 16, (1 << 16) + 1, KEPT - 100, KEPT, KEPT + 1]
LIMITS += [20 << 20, 40 << 20]
SIZES = [MIB, 100, 3 * MIB, 70_000, 1, 5 * MIB, 1 << 16, 9 * MIB, 4000, 2 * MIB]


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


@pytest.fixture
def same(shared: Callable[[str], NodeUnderTest]) -> NodeUnderTest:
    """Return the node of those tests that leave nothing behind."""
    return shared(TREE)


def open_shm(node: NodeUnderTest) -> None:
    """Make the giver and the taker use the memory from here on."""
    assert node.call("giver", "pass_each", "taker", "bytes", MIB, 3) == 3
    assert len(shm_maps(node.pids()["giver"])) == 2
    assert len(shm_maps(node.pids()["taker"])) == 2


def hold(node: NodeUnderTest) -> Path:
    """Keep the taker from taking anything; return the pipe to open so that it goes on."""
    fifo = node.work / "log.fifo"
    os.mkfifo(fifo)
    node.client["taker"].cast("hold")
    node.logged("holds", "taker")
    return fifo


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_value_comes_back_as_it_was(same: NodeUnderTest, kind: str) -> None:
    for giver in ("giver", "async"):
        assert same.call(giver, "pass_each", "taker", kind, MIB, 10) == 10
    assert len(shm_maps(same.pids()["taker"])) == 4


@pytest.mark.parametrize("size", LIMITS)
def test_values_around_the_limits_come_back_as_they_were(node: NodeUnderTest, size: int) -> None:
    open_shm(node)
    for kind in ("bytes", "mixture"):
        assert node.call("giver", "pass_each", "taker", kind, size, 3) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_taken_stays_whatever_comes_later(node: NodeUnderTest, kind: str) -> None:
    assert node.call("giver", "have_kept", "taker", kind, MIB, 20) is True


@pytest.mark.parametrize("giver", ["giver", "async"])
def test_small_and_large_come_in_the_order_in_which_they_were_sent(
    node: NodeUnderTest, giver: str
) -> None:
    assert node.call(giver, "stream", "taker", SIZES, 200) is True


def test_many_large_answers_come_before_one_is_looked_at(node: NodeUnderTest) -> None:
    assert node.call("giver", "ask_for_all", "taker", MIB, 50) == [True] * 50
    assert node.call("giver", "ask_for_all", "taker", 5 * MIB, 10) == [True] * 10


def test_many_threads_send_what_is_large(node: NodeUnderTest) -> None:
    assert node.call("giver", "in_threads", "taker", SIZES, 8, 8) == []


@pytest.mark.parametrize("sizes", [[9 * MIB], SIZES, [30_000, 100]])
def test_many_threads_of_a_server_answer(node: NodeUnderTest, sizes: list[int]) -> None:
    assert node.call("giver", "ask_threads", "taker", sizes, 30) == [True] * 30


@pytest.mark.parametrize("size", [100_000, MIB, 9 * MIB])
def test_the_answer_with_which_a_server_ends_arrives(node: NodeUnderTest, size: int) -> None:
    for _ in range(3):
        assert node.call("giver", "last_of", "taker", size) == ["answer", size]
        assert len(node.client["taker"].call("give and end", size, timeout=None)) == size


def test_a_server_ends_though_its_answer_is_not_read(node: NodeUnderTest) -> None:
    fifo = node.work / "log.fifo"
    os.mkfifo(fifo)
    waits = ask(node, "giver", "ask_and_hold", "taker", 9 * MIB, str(node.work / "log"))
    node.logged("holds", "giver")
    node.client["taker"].stop("normal", timeout=None)
    fifo.open("wb").close()
    assert waits.result()[0] == "ProcessDown"


def test_many_tasks_send_what_is_large(node: NodeUnderTest) -> None:
    assert node.call("async", "at_once", "taker", MIB, 40) == [True] * 40
    assert node.call("async", "cancelled", "taker", MIB, 40) == node.pids()["taker"]
    assert node.call("async", "at_once", "taker", MIB, 40) == [True] * 40


@pytest.mark.parametrize(("size", "most"), [(70_000, 14), (MIB, 3), (5 * MIB, 1)])
def test_a_sender_waits_for_room_within_its_timeout(
    node: NodeUnderTest, size: int, most: int
) -> None:
    open_shm(node)
    fifo = hold(node)
    assert node.call("giver", "fill", "taker", size, 0.2) == most
    for _ in range(3):
        assert node.call("giver", "fill", "taker", size, 0.1) == 0
    assert node.call("giver", "call_one", "taker", size, 0.1)[0] == "CallTimeout"
    waits = ask(node, "giver", "cast_one", "taker", 77, size)
    fifo.open("wb").close()
    assert waits.result() == ["answer", None]
    taken = node.call("taker", "all_taken")
    assert [number for number, _, _ in taken] == [*range(most), 77]
    assert {length for _, length, _ in taken} == {size}
    assert node.call("giver", "pass_each", "taker", "bytes", MIB, 20) == 20


def test_who_waits_for_room_may_be_interrupted(node: NodeUnderTest) -> None:
    open_shm(node)
    fifo = hold(node)
    assert node.call("giver", "fill", "taker", MIB, 0.1) == 3
    for _ in range(3):
        assert node.call("giver", "interrupted", "taker", MIB) == "on purpose"
    waits = ask(node, "giver", "cast_one", "taker", 77, MIB)
    fifo.open("wb").close()
    assert waits.result() == ["answer", None]
    assert [number for number, _, _ in node.call("taker", "all_taken")] == [0, 1, 2, 77]
    assert len(shm_maps(node.pids()["giver"])) == 2


@pytest.mark.parametrize("size", [MIB, 5 * MIB])
def test_who_waits_for_room_hears_of_the_takers_death(node: NodeUnderTest, size: int) -> None:
    open_shm(node)
    hold(node)
    node.call("giver", "fill", "taker", size, 0.1)
    waits = ask(node, "giver", "call_one", "taker", size, None)
    node.kill("taker")
    # Nobody can have read it, so that the next incarnation does.
    assert waits.result() == ["answer", True]
    assert node.call("taker", "all_taken") == []
    assert node.call("giver", "pass_each", "taker", "bytes", MIB, 20) == 20


def took_more_than(node: NodeUnderTest, often: int) -> bool:
    return len(node.log()) > often


@pytest.mark.parametrize("victim", ["giver", "taker"])
def test_whoever_is_killed_in_the_middle_of_a_stream_harms_nobody(
    node: NodeUnderTest, victim: str
) -> None:
    for before in range(5):
        streams = ask(node, "giver", "stream", "taker", [MIB, 70_000, 3 * MIB], 100_000)
        node.until(partial(took_more_than, node, before), "something large taken")
        node.recover(victim)
        if victim == "taker":
            node.recover("giver")
        assert "killed" in str(streams.result())
        assert node.call("giver", "pass_each", "taker", "bytes", MIB, 5) == 5
    memory = node.call("taker", "all_taken")
    assert [length for _, length, _ in memory if length not in (MIB, 70_000, 3 * MIB)] == []


def test_what_cannot_be_read_is_an_error_and_takes_no_room(node: NodeUnderTest) -> None:
    open_shm(node)
    for _ in range(20):
        name, text = node.call("giver", "unreadable", "taker", MIB)
        assert (name, "Local" in text) == ("NotSendable", True)
        assert node.call("giver", "unpicklable", "taker", MIB)[0] == "NotSendable"
    assert node.call("giver", "pass_each", "taker", "bytes", MIB, 5) == 5


def test_who_sends_nothing_large_or_only_once_has_none(node: NodeUnderTest) -> None:
    before = {path: len(descriptors(node.pids()[path])) for path in ("giver", "taker")}
    assert node.call("giver", "pass_each", "taker", "bytes", 60_000, 50) == 50
    with_link = {path: len(descriptors(node.pids()[path])) for path in ("giver", "taker")}
    assert node.call("giver", "pass_each", "taker", "bytes", MIB, 1) == 1
    for path, few in before.items():
        assert shm_maps(node.pids()[path]) == []
        now = len(descriptors(node.pids()[path]))
        assert few <= with_link[path] == now


def test_memory_and_descriptors_are_bounded_and_go_with_the_link(node: NodeUnderTest) -> None:
    open_shm(node)
    giver, taker = node.pids()["giver"], node.pids()["taker"]
    assert node.call("giver", "stream", "taker", [MIB], 50) is True
    memory, fds = {pid: resident(pid) for pid in (giver, taker)}, len(descriptors(giver))
    assert node.call("giver", "pass_each", "taker", "bytes", MIB, 200) == 200
    for pid, before in memory.items():
        assert resident(pid) < before + 2 * KEPT
        assert len(shm_maps(pid)) == 2
    for _ in range(5):
        node.recover("taker")
        open_shm(node)
    assert len(descriptors(giver)) <= fds


def test_a_forked_process_has_none(node: NodeUnderTest) -> None:
    open_shm(node)
    assert node.call("giver", "shm_in_a_fork") == ["0", "2"]
    assert node.call("giver", "pass_each", "taker", "bytes", MIB, 5) == 5


# Before 3.13 Python keeps a second descriptor of what is mapped.
@pytest.mark.parametrize("left", [0] if sys.version_info >= (3, 13) else [0, 1])
def test_without_descriptors_large_values_go_by_the_pipe(node: NodeUnderTest, left: int) -> None:
    assert node.call("giver", "pass_each", "taker", "bytes", 1000, 1) == 1
    node.call("giver", "use_up_descriptors", left)
    assert node.call("giver", "pass_each", "taker", "bytes", MIB, 10) == 10
    assert node.call("giver", "stream", "taker", [MIB], 50) is True
    assert shm_maps(node.pids()["giver"]) == []
