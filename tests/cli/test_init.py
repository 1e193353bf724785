"""Number 3: `otpy init` writes a project that runs at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Run

FILES = ["servers.py", "test_servers.py", "tree.yaml"]


def test_what_it_writes_is_checked_run_and_tested(
    otpy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my shop"
    written = otpy("init", folder)
    assert (written.status, written.err) == (0, "")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    monkeypatch.chdir(folder)
    for name in ("OTPY_DIR", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTPY_DIR", str(tmp_path / "run"))
    command = [sys.executable, "-m", "otpy", "check", "tree.yaml"]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.stdout == "tree.yaml: ok, 1 supervisor, 1 worker\n"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tested = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "2 passed" in tested.stdout, tested.stdout
    assert "name: my-shop " in (folder / "tree.yaml").read_text()


def test_it_overwrites_nothing(otpy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "servers.py").write_text("mine")
    refused = otpy("init")
    assert refused.status == 1
    assert refused.complaint == "servers.py is there already; nothing was written"
    assert [path.name for path in tmp_path.iterdir()] == ["servers.py"]
    assert (tmp_path / "servers.py").read_text() == "mine"


def test_where_a_file_is_no_folder_can_be(otpy: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    assert otpy("init", tmp_path / "x").status == 2
    assert otpy("init", tmp_path / "x" / "y").status == 1
