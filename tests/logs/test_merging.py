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


def test_what_was_logged_after_the_clock_was_set_back_is_found(tmp_path: Path) -> None:
    """10.7: also behind what is later than all that is wanted."""
    for second in (3600, 1, 7200):
        append(tmp_path, [record("a", second, f"a {second}")])
        rotate(tmp_path / "a.log")
    assert read(tmp_path, until=MOMENT + 60) == ["a 1"]
    assert read(tmp_path, since=MOMENT, until=MOMENT + 60) == ["a 1"]


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


def test_what_is_no_file_is_left_out(folder: Path) -> None:
    os.mkfifo(folder / "e.log")
    (folder / "f.log").mkdir()
    (folder / "g.log").symlink_to("nowhere")
    assert read(folder) == EXPECTED


RUNS = st.lists(st.tuples(st.sampled_from([1, 1, 2, 3]), st.integers(0, 3)), max_size=6)


@pytest.mark.parametrize("known", ["none", "last", "all"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(RUNS)
def test_the_previous_incarnation(
    tmp_path_factory: pytest.TempPathFactory, known: str, runs: list[tuple[int, int]]
) -> None:
    """Of runs with their numbers and lines, one after the other: the one before the last."""
    folder = tmp_path_factory.mktemp("logs")
    starts, second = list[tuple[float, int]](), 0
    said: list[tuple[int, list[str]]] = []
    for number, lines in runs:
        starts.append((MOMENT + second, number))
        # Without the starts, runs that follow each other with the same number cannot be told apart.
        if known == "all" or not said or said[-1][0] != number:
            said.append((number, []))
        for _ in range(lines):
            append(folder, [record("a", second, f"{second}", number)])
            said[-1][1].append(f"{second}")
            second += 1
        second += 1
    if known == "none":
        said = joined(said)
        starts = []
    elif known == "last":
        starts.append((MOMENT + second, 9))
        said = [*joined(said), (9, [])]
    expected = next((lines for _, lines in reversed(said[:-1]) if lines), [])
    snapshot = snapshot_of(find_sources(folder))
    windows = previous_windows(snapshot, (), {"a": starts[-1:] if known == "last" else starts})
    assert texts(list(past(snapshot, Selection(windows=windows)))) == expected


def joined(said: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Leave out who has said nothing, and join those of one number that follow each other."""
    found: list[tuple[int, list[str]]] = []
    for number, lines in said:
        if lines and found and found[-1][0] == number:
            found[-1][1].extend(lines)
        elif lines:
            found.append((number, list(lines)))
    return found


def test_the_first_incarnation_of_a_node_that_has_started_again(tmp_path: Path) -> None:
    append(tmp_path, [record("a", 0, "before"), record("a", 5, "after")])
    snapshot = snapshot_of(find_sources(tmp_path))
    windows = previous_windows(snapshot, ("a",), {"a": [(MOMENT + 4, 1)]})
    assert texts(list(past(snapshot, Selection(windows=windows)))) == ["before"]
