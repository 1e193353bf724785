"""What the next run of a node finds of the last one, in whatever moment it looks."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from otpy.runtime.node import orphans
from otpy.system.marks import VARIABLE, marks_of


def start_marked(folder: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, VARIABLE: orphans._word(folder)}
    return subprocess.Popen(["sleep", "99999"], env=environment)


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
