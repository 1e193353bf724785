"""Where the modules that a tree names are looked for."""

import os
import sys
from pathlib import Path

import pytest

from otpy.system import search_path
from otpy.system.search_path import search_start_directory


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(sys, "path", ["elsewhere"])
    monkeypatch.setattr(search_path, "_start_directory", [])
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    (tmp_path / "start").mkdir()
    monkeypatch.chdir(tmp_path / "start")
    return tmp_path / "start"


def test_the_start_directory_comes_first(path: Path) -> None:
    search_start_directory()
    assert sys.path == [str(path), "elsewhere"]


def test_not_if_the_user_does_not_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """5.7."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    search_start_directory()
    assert sys.path == ["elsewhere"]
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    search_start_directory()
    assert sys.path[1:] == ["elsewhere"]


def test_one_that_was_removed_is_not_there(path: Path) -> None:
    path.rmdir()
    search_start_directory()
    assert sys.path == ["elsewhere"]
    os.chdir(path.parent)
