"""Fixtures of the tests of trees in YAML."""

from pathlib import Path

import pytest

from tests.config.folder import Folder, Told


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


@pytest.fixture
def told(folder: Folder) -> Told:
    return folder.mistakes
