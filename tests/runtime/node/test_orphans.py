"""What the next run of a node finds of the last one, in whatever moment it looks."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from otpy.runtime.node import orphans
from otpy.system.marks import VARIABLE, BetweenPrograms, marks_of
from otpy.system.procfs import start_time


def start_marked(folder: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, VARIABLE: orphans._word(folder)}
    return subprocess.Popen(["sleep", "99999"], env=environment)


def test_what_executes_a_program_just_then_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While execve(2) makes the new memory of a process, nothing of the old one is to be read."""
    looks: list[int] = []

    def look(pid: int) -> tuple[str, ...]:
        if pid == left.pid:
            looks.append(pid)
            if len(looks) <= 3:
                raise BetweenPrograms(pid)
        return marks_of(pid)

    monkeypatch.setattr(orphans, "marks_of", look)
    with start_marked(tmp_path) as left:
        try:
            orphans.end_orphans(tmp_path)
            assert left.wait(timeout=0) == -signal.SIGKILL
        finally:
            left.kill()
    assert len(looks) > 3


def test_what_is_forked_by_one_that_ends_before_it_is_looked_at_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def look(pid: int) -> tuple[str, ...]:
        if pid == parent.pid and not started:
            started.append(start_marked(tmp_path))
            parent.kill()
            parent.wait()
        return marks_of(pid)

    monkeypatch.setattr(orphans, "marks_of", look)
    with start_marked(tmp_path) as parent:
        try:
            orphans.end_orphans(tmp_path)
            assert started[0].wait(timeout=0) == -signal.SIGKILL
        finally:
            for each in (parent, *started):
                each.kill()
                each.wait()


def test_another_nodes_processes_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with start_marked(other) as theirs, start_marked(tmp_path) as left:
        try:
            orphans.end_orphans(tmp_path)
            assert left.wait(timeout=0) == -signal.SIGKILL
            assert theirs.poll() is None
        finally:
            for each in (theirs, left):
                each.kill()


def test_the_mark_of_a_process_that_executes_a_program_is_never_just_missing(
    tmp_path: Path,
) -> None:
    program = "i=0; while [ $i -lt 30 ]; do i=$((i+1)); /bin/true; done"
    environment = {**os.environ, VARIABLE: orphans._word(tmp_path)}
    unmarked: list[int] = []
    with subprocess.Popen(["sh", "-c", program], env=environment) as shell:
        children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
        while shell.poll() is None:
            with contextlib.suppress(OSError, BetweenPrograms):
                pids = map(int, children.read_text().split())
                unmarked += [p for p in pids if not marks_of(p) and start_time(p) is not None]
    assert not unmarked
