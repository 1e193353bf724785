"""A follower reads each line once: over rotation, truncation, removal, and in files to come."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.logs.following import Follower
from otpy.logs.selection import Selection
from otpy.wire.log_files import INDEX, OtherFile, index_line
from otpy.wire.log_record import to_text
from tests.logs.writing import append, append_to, record, rotate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "node" / "log"
    folder.mkdir(parents=True)
    append(folder, [record("a", 0, "before")])
    return folder


@pytest.fixture
def follower(folder: Path) -> Iterator[Follower]:
    follower = Follower(folder, Selection(("a", "b")))
    yield follower
    follower.close()


def texts(follower: Follower) -> list[str]:
    return [each.record.text for each in follower.changed() if each.record is not None]


def test_what_is_appended_is_read_once(folder: Path, follower: Follower) -> None:
    assert texts(follower) == []
    append(folder, [record("a", 1, "one"), record("a", 2, "two\nlines")])
    append(folder, [record("b", 1.5, "of a new file"), record("c", 1, "not wanted")])
    assert texts(follower) == ["one", "of a new file", "two\nlines"]
    assert texts(follower) == []


def test_a_half_of_a_line_waits_for_the_other(folder: Path, follower: Follower) -> None:
    line = to_text(record("a", 1, "torn"))
    file = folder / "a.log"
    with file.open("ab") as opened:
        opened.write(line[:20])
    assert texts(follower) == []
    with file.open("ab") as opened:
        opened.write(line[20:])
    assert texts(follower) == ["torn"]


def test_rotation_loses_and_doubles_nothing(folder: Path, follower: Follower) -> None:
    file, expected = folder / "a.log", []
    for number in range(20):
        append(folder, [record("a", number, f"{number}")])
        expected.append(f"{number}")
        if number % 3 == 0:
            rotate(file, keep=10)
    assert texts(follower) == expected
    append(folder, [record("a", 30, "last")])
    rotate(file)
    assert texts(follower) == ["last"]


def test_a_file_that_is_truncated_or_made_anew_is_read_from_its_beginning(
    folder: Path, follower: Follower
) -> None:
    file = folder / "a.log"
    file.write_bytes(to_text(record("a", 1, "x")))  # as long as what was there, or shorter
    assert texts(follower) == ["x"]
    file.write_bytes(to_text(record("a", 2, "longer than what was there before")))
    assert texts(follower) == ["longer than what was there before"]
    file.unlink()
    append(folder, [record("a", 3, "another file, perhaps with the same inode as before")])
    assert texts(follower) == ["another file, perhaps with the same inode as before"]


def test_a_folder_that_is_removed_and_made_again_is_followed(
    folder: Path, follower: Follower
) -> None:
    shutil.rmtree(folder)
    assert texts(follower) == []
    folder.mkdir()
    append(folder, [record("a", 1, "again")])
    seen = texts(follower)
    append(folder, [record("a", 2, "more")])
    assert seen + texts(follower) == ["again", "more"]


def test_files_elsewhere_are_followed_once_the_index_names_them(
    tmp_path: Path, folder: Path, follower: Follower
) -> None:
    other = tmp_path / "own.log"
    append_to(other, [record("b", 1, "first")], as_json=True)
    (folder / INDEX).write_bytes(index_line(OtherFile("b", str(other))))
    assert texts(follower) == ["first"]
    append_to(other, [record("b", 2, "second"), record("c", 2, "of another")], as_json=True)
    rotate(other)
    append_to(other, [record("b", 3, "third")])
    assert texts(follower) == ["second", "third"]


def test_more_than_a_piece_is_read_in_order(folder: Path, follower: Follower) -> None:
    line = "x" * 1000
    for path in ("a", "b"):
        append(folder, [record(path, number, f"{number} {line}") for number in range(1500)])
    found = texts(follower)
    numbers = sorted(int(text.partition(" ")[0]) for text in found)
    assert numbers == sorted([*range(1500)] * 2)
