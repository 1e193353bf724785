"""A test that fails tells what its nodes have said."""

import subprocess
import sys
from pathlib import Path

from tests.support import logs

FAILING = """
def test_fails(nodes):
    node = nodes.run("name: talks\\nchildren: [{id: talker, command: [echo, these are its words]}]")
    node.says("these are its words")
    assert not node
"""


def test_a_test_that_fails_prints_the_log_of_its_nodes(tmp_path: Path) -> None:
    """0.4."""
    (tmp_path / "test_it.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir", str(tmp_path)]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed" in found.stdout
    _, _, log = found.stdout.partition("- nodes -")
    assert "talks: events:" in log
    assert "these are its words" in log


def test_what_cannot_be_read_is_no_failure_of_its_own() -> None:
    def fails() -> str:
        raise OSError("gone")

    with logs.reported("node", fails), logs.reported("other", lambda: "words"):
        assert logs.sections() == [
            ("node", "cannot be read: OSError('gone')"),
            ("other", "words"),
        ]
    assert logs.sections() == []
