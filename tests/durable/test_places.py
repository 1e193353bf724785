"""Where states are: names of files from paths in the tree."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.durable.places import SUFFIX, file_name, file_of, path_of, state_folder


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=15))
def test_a_path_comes_back_from_its_files_name(path: str) -> None:
    assert path_of(file_name(path) + SUFFIX) == path


@given(st.text(max_size=300).filter(lambda path: "\ud800" not in path))
def test_a_name_cannot_leave_its_folder(path: str) -> None:
    try:
        name = file_name(path)
    except UnicodeEncodeError:
        return
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith(".")
    assert 0 < len(name.encode()) <= 200


@pytest.mark.parametrize(
    ("one", "other"), [("A", "a"), ("a/b", "a%2fb"), ("x" * 300 + "1", "x" * 300 + "2"), ("", "%")]
)
def test_no_two_paths_have_one_name(one: str, other: str) -> None:
    assert file_name(one) != file_name(other)
    assert file_name(one).lower() != file_name(other).lower()


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTPY_STATE", raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert state_folder("shop") == Path("/home/ann/.local/state/otpy/shop/state")
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert state_folder("shop") == Path("/var/state/otpy/shop/state")
    monkeypatch.setenv("OTPY_STATE", "/srv")
    assert file_of(state_folder("shop"), "a/b") == Path("/srv/shop/a%2fb.state")


@pytest.mark.parametrize("name", ["other", "a%zz.state", "a%2.state"])
def test_other_files_are_none_of_ours(name: str) -> None:
    assert path_of(name) is None
