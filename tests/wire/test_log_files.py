"""Where log files are: one name for each path, and an index of those that are elsewhere."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.wire.log_files import (
    INDEX,
    OtherFile,
    index_line,
    log_file_name,
    path_of,
    read_index,
    rotated,
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("shop/counter", "shop%2Fcounter.log"),
        ("", "%2F.log"),
        ("@node", "@node.log"),
        ("..", "%2E..log"),
        ("a b%", "a%20b%25.log"),
        ("ä", "%C3%A4.log"),
    ],
)
def test_a_name_is_the_path_percent_encoded(path: str, name: str) -> None:
    assert log_file_name(path) == name


PATHS = st.text().filter(lambda path: path != "/")


@given(PATHS, PATHS)
def test_each_path_has_a_name_of_its_own(one: str, other: str) -> None:
    assert (log_file_name(one) == log_file_name(other)) == (one == other)


@given(PATHS)
def test_a_name_says_the_path_unless_it_is_too_long(path: str) -> None:
    name = log_file_name(path)
    assert path_of(name) == (path if len(name) < 240 else None)


@pytest.mark.parametrize("name", ["a", "a%2f.log", "%FF.log", "a b.log", "a.log.1"])
def test_other_names_say_no_path(name: str) -> None:
    assert path_of(name) is None


def test_the_names_of_long_paths_fit_and_differ(tmp_path: Path) -> None:
    one, other = (log_file_name("deep/" * 300 + last) for last in "ab")
    assert one != other
    assert path_of(one) is None
    (tmp_path / f"{one}.10").touch()


def test_rotated_files_are_found_oldest_first(tmp_path: Path) -> None:
    file = tmp_path / "[a].log"
    for name in ("[a].log.1", "[a].log.3", "[a].log.4", "[a].log.new", "a.log.2"):
        (tmp_path / name).touch()
    names = ["[a].log.4", "[a].log.3", "[a].log.1"]
    assert [found.name for found in rotated(file)] == names
    file.touch()
    assert [found.name for found in rotated(file)] == [*names, "[a].log"]


def test_the_index_is_read_but_for_what_is_torn(tmp_path: Path) -> None:
    assert list(read_index(tmp_path)) == []
    others = [OtherFile("a", "/var/log/a.log"), OtherFile("ü", "/x\ny")]
    lines = [index_line(other) for other in others]
    (tmp_path / INDEX).write_bytes(lines[0] + b"{}\n" + lines[1] + lines[0] + b'{"path":"tor')
    assert list(read_index(tmp_path)) == others
