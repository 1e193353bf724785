"""What a spare has read, and whether it is still that (10.6)."""

import os
import time
from pathlib import Path

from otpy.runtime.worker.spare import ReadFiles


class Clock:
    now = 5000.5

    def __call__(self) -> float:
        return self.now


def test_a_look_holds_for_a_moment(tmp_path: Path) -> None:
    read, clock = tmp_path / "read.py", Clock()
    read.write_text("one")
    files = ReadFiles([str(read)], time.time_ns() + 1, clock)
    assert files.changed() is None
    files.look()
    read.write_text("another")
    assert files.changed() is None
    clock.now += 1
    assert files.changed() == str(read)
    assert files.changed() == str(read)


def test_a_look_finds_what_was_changed_before(tmp_path: Path) -> None:
    read, other = tmp_path / "read.py", tmp_path / "other.py"
    for file in (read, other):
        file.write_text("one")
    files = ReadFiles(map(str, (read, other)), time.time_ns() + 1, Clock())
    other.unlink()
    files.look()
    assert files.changed() == str(other)


def test_what_was_written_as_it_was_read_counts_as_changed(tmp_path: Path) -> None:
    read = tmp_path / "read.py"
    read.write_text("one")
    began = 2_000_000_000_000_000_000
    os.utime(read, ns=(began, began))
    assert ReadFiles([str(read)], began).changed() == str(read)
    assert ReadFiles([str(read)], began + 1).changed() is None
