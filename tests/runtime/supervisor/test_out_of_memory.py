"""An end for want of memory says so: by the kernel, or by a limit of its own (10.5)."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from otpy.core.exits import Killed, Normal, OutOfMemory, Raised, Recycled, Signaled, Stopped
from otpy.core.surroundings import Limit
from otpy.events import ChildEnded, ChildStarted
from otpy.runtime.supervisor.end_reasons import of_recycled, with_own_limit
from otpy.system.cgroup import own_group
from tests.support.node import Nodes

MIB = 1 << 20
TREE = """
name: memory
max_restarts: 100
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: shell, command: [sh, -c, "cat WORK/fifo; head -c 100000000 /dev/zero | tail; exit $?"]}
  - {id: other, command: [sh, -c, "exit 137"], restart: temporary}
"""


def limited_group() -> Path | None:
    """Make a control group with 32 MiB; None if this user or system does not."""
    legacy, own = Path("/sys/fs/cgroup/memory"), own_group()
    places = [(legacy, "memory.limit_in_bytes"), (own, "memory.max")]
    for above, limit in places:
        if above is None or not above.is_dir():
            continue
        group = above / f"otpy-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(32 * MIB))
            with suppress(OSError):
                (group / "memory.swap.max").write_text("0")
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        return group
    return None


@pytest.fixture
def group() -> Iterator[Path]:
    made = limited_group()
    if made is None:
        pytest.skip("no control group may be made here")
    yield made
    made.rmdir()


def test_the_end_by_the_oom_killer_says_so(nodes: Nodes, group: Path) -> None:
    os.mkfifo(node_fifo := nodes.work / "fifo")
    node = nodes.run(TREE)
    other = next(iter(node.seen(ChildEnded, path="other")), None) or node.next(
        ChildEnded, path="other"
    )
    assert other.reason == "exit: 137"
    (group / "cgroup.procs").write_text(str(node.pids()["a"]))
    node.client["a"].cast("allocate_later", 64 * MIB)
    ended = node.next(ChildEnded, path="a")
    assert (ended.reason, ended.signal, ended.clean) == ("killed: out of memory", "SIGKILL", False)
    node.next(ChildStarted, path="a", incarnation=2)
    (group / "cgroup.procs").write_text(str(node.pids()["shell"]))
    node_fifo.write_text("")
    assert node.next(ChildEnded, path="shell").reason == "killed: out of memory"
    node.kill("b")
    assert node.next(ChildEnded, path="b").reason == "killed"


def test_the_end_by_its_own_limit_says_so(nodes: Nodes) -> None:
    node = nodes.run("""
        name: limited
        max_restarts: 100
        children:
          - id: a
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            limits: {as: 2GiB}
        """)
    node.client["a"].cast("allocate_later", 4 << 30)
    ended = node.next(ChildEnded, path="a")
    assert ended.reason == f"error: MemoryError (its own limit: as {2 << 30})"
    assert "allocate_later" in ended.traceback
    node.next(ChildStarted, path="a", incarnation=2)


def test_only_a_limit_of_memory_is_named() -> None:
    error = Raised("MemoryError: no", "Traceback")
    limits = {"as": Limit(1024, 1024), "nofile": Limit(3, 3), "data": Limit(None, 7)}
    assert with_own_limit(error, None) == error
    assert with_own_limit(error, {"nofile": Limit(3, 3)}) == error
    assert with_own_limit(Killed(), limits) == Killed()
    told = with_own_limit(error, limits)
    assert str(told) == "error: MemoryError: no (its own limit: as 1024, data 7)"
    assert told == Raised("MemoryError: no (its own limit: as 1024, data 7)", "Traceback")


def test_what_one_that_is_recycled_does_wrong_stays_its_reason() -> None:
    old = Recycled("age 1 h")
    assert of_recycled(Normal(), old, overdue=False) == old
    assert of_recycled(Killed(), old, overdue=True) == old
    for wrong in (Killed(), OutOfMemory(), Raised("x"), Signaled("SIGSEGV")):
        assert of_recycled(wrong, old, overdue=False) == wrong
        assert of_recycled(wrong, None, overdue=False) == wrong
    assert of_recycled(old, None, overdue=False) == Stopped("recycled: age 1 h")
