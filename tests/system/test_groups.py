"""Which processes are one group, and what they have together (11.4)."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from otpy.system import groups as module
from otpy.system.groups import Groups, Seen, memory_together

NODE, GATEWAY, POOL, WORKER, OTHER = 10, 11, 12, 13, 14


def seen(parent: int, session: int) -> Seen:
    return Seen(parent, session, 100, 1.0)


TREE = {
    1: seen(0, 1),
    9: seen(1, 9),  # the shell that the node was started in
    NODE: seen(9, 9),
    15: seen(NODE, 9),  # a helper of the node's
    GATEWAY: seen(NODE, GATEWAY),
    POOL: seen(NODE, POOL),
    16: seen(POOL, POOL),  # a helper of the supervisor's
    WORKER: seen(POOL, WORKER),
    17: seen(WORKER, WORKER),  # started by the worker
    18: seen(17, 18),  # and that one has a session of its own
    19: seen(POOL, WORKER),  # orphaned
    OTHER: seen(POOL, OTHER),
    20: seen(POOL, 20),  # a spare
    21: seen(1, 21),  # nobody's
}


def groups_of_tree() -> Groups:
    return Groups([GATEWAY, WORKER, OTHER], [NODE, POOL], [20], TREE)


def test_each_process_is_in_one_group() -> None:
    groups = groups_of_tree()
    assert {pid: groups.pids(pid) for pid in (NODE, GATEWAY, POOL, WORKER, OTHER, 20)} == {
        NODE: [NODE, 15],
        GATEWAY: [GATEWAY],
        POOL: [POOL, 16],
        WORKER: [WORKER, 17, 18, 19],
        OTHER: [OTHER],
        20: [20],
    }
    assert groups.pids(9) == groups.pids(21) == groups.pids(99) == []


def test_the_processor_time_of_a_group_is_that_of_each_process() -> None:
    assert groups_of_tree().cpu(POOL) == {(POOL, 100): 1.0, (16, 100): 1.0}


def test_pids_that_were_used_again_may_form_a_circle() -> None:
    circle = {30: seen(31, 30), 31: seen(30, 30)}
    assert Groups([], [NODE], (), circle).pids(NODE) == []


def test_a_daemon_is_known_by_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {22: (f"process:{WORKER}.1",)}
    monkeypatch.setattr(module, "marks_of", lambda pid: marks.get(pid, ()))
    daemons = {22: seen(POOL, 22), 23: seen(POOL, 23)}
    groups = Groups([WORKER], [NODE, POOL], (), TREE | daemons)
    assert 22 in groups.pids(WORKER)
    assert 23 in groups.pids(POOL), "whoever left it"


@pytest.fixture
def child() -> Iterator[int]:
    script = "import sys; kept = b'x' * (32 << 20); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_what_may_not_be_looked_at_counts_in_full_and_is_marked(
    child: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = memory_together([child])
    assert exact is not None
    assert exact.is_exact
    assert exact.size > 32 << 20
    monkeypatch.setattr(module, "proportional", lambda _pid: None)
    full = memory_together([child])
    assert full is not None
    assert not full.is_exact
    assert full.size >= exact.size


def test_nothing_is_known_of_what_is_gone() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    assert memory_together([ended.pid]) is None
    assert memory_together([]) is None


def test_one_that_has_ended_makes_nothing_inexact(child: int) -> None:
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie
        found = memory_together([child, ended.pid])
    assert found is not None
    assert found.is_exact


def test_it_is_what_the_kernel_says(child: int) -> None:
    found = Groups([child], []).memory(child)
    assert found is not None
    now = psutil.Process(child).memory_full_info()
    # What it shares with others changes as they come and go.
    assert abs(found.size - now.pss) < 1 << 20
