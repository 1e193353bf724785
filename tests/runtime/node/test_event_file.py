"""``events.jsonl`` on its own: what a cleaner, logrotate, a full disk and a crash do to it."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otpy.events import ChildRemoved, Event
from otpy.runtime.node import event_file
from otpy.runtime.node.event_file import EventFile


def event(number: int, size: int = 0) -> Event:
    return ChildRemoved(at=float(number), path="x" * size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def log(path: Path) -> Iterator[EventFile]:
    log = EventFile(path)
    yield log
    log.close()


def read(path: Path) -> list[Any]:
    """Return the numbers of the events, and of lost ones how many there were."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [f"lost {line['count']}" if "count" in line else int(line["at"]) for line in lines]


def test_a_removed_file_is_followed_by_a_new_one(log: EventFile, path: Path) -> None:
    """2.3: they went to the deleted file for ever."""
    log.write([event(1)])
    path.unlink()
    log.write([event(2)])
    assert read(path) == [2]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_renamed_file_is_followed_by_a_new_one(log: EventFile, path: Path) -> None:
    """As logrotate does it."""
    log.write([event(1)])
    path.rename(path.with_suffix(".old"))
    log.write([event(2)])
    assert (read(path.with_suffix(".old")), read(path)) == ([1], [2])


def test_a_file_put_in_its_place_is_gone_on_with(log: EventFile, path: Path) -> None:
    log.write([event(1)])
    path.with_suffix(".new").write_text('{"at": 7')
    path.with_suffix(".new").replace(path)
    log.write([event(2)])
    first, second = path.read_bytes().splitlines()
    assert first == b'{"at": 7'
    assert json.loads(second)["at"] == 2


def test_a_truncated_file_is_gone_on_with(log: EventFile, path: Path) -> None:
    """As logrotate's copytruncate does it: no gap of zeros."""
    log.write([event(1)])
    os.truncate(path, 0)
    log.write([event(2)])
    assert read(path) == [2]


def test_half_a_line_of_a_crashed_machine_is_ended(path: Path) -> None:
    path.write_text('{"event": "Chi')
    log = EventFile(path)
    log.write([event(2)])
    log.close()
    assert json.loads(path.read_bytes().splitlines()[1])["at"] == 2


def test_a_lost_folder_costs_no_event(log: EventFile, path: Path, tmp_path: Path) -> None:
    complaints: list[str] = []
    log.complain = complaints.append
    shutil.rmtree(tmp_path)
    log.write([event(1)])
    log.write([event(2)])
    assert complaints == [f"{path}: No such file or directory"]
    tmp_path.mkdir()
    log.flush()
    assert read(path) == [1, 2]


class Disk:
    """A disk with so much room for what is written to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 0
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd: int, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = self._write(fd, bytes(data[: self.room]))
        self.room -= size
        return size


def test_a_full_disk_never_joins_two_records(
    log: EventFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.3: a write that was cut ran into the next one."""
    log.write([event(1)])
    line = path.stat().st_size
    disk = Disk(monkeypatch)
    disk.room = line + 5
    log.write([event(2), event(3)])
    assert read(path) == [1, 2]
    disk.room = 3
    log.write([event(4)])
    assert read(path) == [1, 2]
    disk.room = 10 * line
    log.write([event(5)])
    assert read(path) == [1, 2, 3, 4, 5]


def test_what_was_lost_is_counted(
    log: EventFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file, "MAX_WAITING", 1000)
    disk = Disk(monkeypatch)
    log.write(event(number) for number in range(100))
    log.write([event(100)])
    disk.room = 1 << 20
    log.write([event(101)])
    told = read(path)
    count = 101 - len(told[1:-1])
    assert told == [f"lost {count}", *range(count, 102)]
    log.write([event(102)])
    assert read(path)[-1] == 102
    assert "No space left on device" in path.read_text()


def test_a_full_file_makes_room(
    log: EventFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file, "MAX_BYTES", 1000)
    for number in range(5):
        log.write([event(number, 400)])
    assert (read(path.with_suffix(".jsonl.1")), read(path)) == ([2, 3], [4])


def test_a_failed_reopening_leaves_no_number_behind(
    log: EventFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.3: the event file wrote to whatever had its closed descriptor's number next."""
    monkeypatch.setattr(event_file, "MAX_BYTES", 100)
    log.write([event(1, 90)])

    def refuse(*_args: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        log.write([event(2, 90)])
        with (path.parent / "other").open("wb") as other:  # takes the lowest free number
            log.write([event(3, 90)])
            assert other.tell() == 0
            assert os.fstat(other.fileno()).st_size == 0
    log.write([event(4, 90)])
    assert (read(path.with_suffix(".jsonl.1")), read(path)) == ([1], [2, 3, 4])


def test_a_pipe_in_its_place_does_not_block(log: EventFile, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)
    for number in range(2000):
        log.write([event(number, 100)])
