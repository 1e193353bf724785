"""The records of several files as one stream, from their beginning or from their end."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otpy.logs.merging import last, past
from otpy.logs.previous import previous_windows
from otpy.logs.reading import Entry
from otpy.logs.selection import Selection
from otpy.logs.sources import find_sources, snapshot_of
from tests.logs.writing import MOMENT, append, record, rotate


def texts(entries: list[Entry]) -> list[str]:
    return [each.record.text for each in entries if each.record is not None]


def read(folder: Path, **wanted: object) -> list[str]:
    selection = Selection(**wanted)  # type: ignore[arg-type]
    return texts(list(past(snapshot_of(find_sources(folder)), selection)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, seconds in {"a": (0, 1, 2, 9), "b": (1.5, 3, 4), "c/d": (0.5, 8)}.items():
        for number, second in enumerate(seconds):
            append(tmp_path, [record(path, second, f"{path} {second}")])
            if number % 2:
                rotate(next(tmp_path.glob(f"{path[0]}*.log")))
    return tmp_path


EXPECTED = ["a 0", "c/d 0.5", "a 1", "b 1.5", "a 2", "b 3", "b 4", "c/d 8", "a 9"]


def test_all_are_merged_by_time(folder: Path) -> None:
    assert read(folder) == EXPECTED
    snapshot = snapshot_of(find_sources(folder))
    for count in range(12):
        assert texts(last(snapshot, Selection(), count)) == EXPECTED[max(0, 9 - count) :]


def test_a_part_is_chosen(folder: Path) -> None:
    assert read(folder, since=MOMENT + 3, until=MOMENT + 8) == ["b 3", "b 4", "c/d 8"]
    assert read(folder, names=("c", "b")) == ["c/d 0.5", "b 1.5", "b 3", "b 4", "c/d 8"]
    assert read(folder, names=("d",), since=MOMENT + 1) == ["c/d 8"]


def test_files_that_were_written_before_are_not_read(folder: Path) -> None:
    for file in folder.iterdir():
        os.utime(file, (MOMENT + 2, MOMENT + 2))
    assert read(folder, since=MOMENT + 3) == []


def test_a_rotation_meanwhile_loses_and_doubles_nothing(folder: Path) -> None:
    snapshot = snapshot_of(find_sources(folder))
    for file in list(folder.glob("*.log")):
        rotate(file)
    append(folder, [record("a", 10, "later")])
    assert texts(list(past(snapshot, Selection()))) == EXPECTED


def test_files_removed_meanwhile_are_left_out(folder: Path) -> None:
    snapshot = snapshot_of(find_sources(folder))
    for file in folder.glob("a.log*"):
        file.unlink()
    assert texts(list(past(snapshot, Selection()))) == [e for e in EXPECTED if e[0] != "a"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(st.sampled_from([1, 1, 1, 2, 3]), max_size=12), st.booleans())
def test_the_previous_incarnation(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], known: bool
) -> None:
    """Of a sequence of incarnations, one after the other: the one before the last."""
    folder = tmp_path_factory.mktemp("logs")
    present, expected, runs = {}, list[str](), list[tuple[int, list[str]]]()
    for second, number in enumerate(numbers):
        text = f"{second}"
        append(folder, [record("a", second, text, number)])
        if not runs or runs[-1][0] != number:
            runs.append((number, []))
        runs[-1][1].append(text)
    if known:  # it has not said anything yet
        present["a"] = (runs[-1][0] + 1 if runs else 1, MOMENT + 100)
        runs.append((9, []))
    if len(runs) > 1:
        expected = runs[-2][1]
    snapshot = snapshot_of(find_sources(folder))
    windows = previous_windows(snapshot, (), present)
    found = list(past(snapshot, Selection(windows=windows)))
    assert texts(found) == expected


def test_the_first_incarnation_of_a_node_that_has_started_again(tmp_path: Path) -> None:
    append(tmp_path, [record("a", 0, "before"), record("a", 5, "after")])
    snapshot = snapshot_of(find_sources(tmp_path))
    windows = previous_windows(snapshot, ("a",), {"a": (1, MOMENT + 4)})
    assert texts(list(past(snapshot, Selection(windows=windows)))) == ["before"]
