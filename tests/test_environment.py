"""The tests test this checkout, whoever started them and from wherever."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import otpy
from tests.support.environment import ROOT, restore_signals
from tests.support.node import Nodes
from tests.support.processes import descendants, describe, living_below, reap_adopted

CUT_NAME = r"""
import sys
import ctypes
ctypes.CDLL(None).prctl(15, b"otpy-\xc3", 0, 0, 0)
print("named", flush=True)
sys.stdin.read()
"""


def test_the_tests_import_the_otpy_beside_them() -> None:
    assert Path(otpy.__file__).parent == ROOT / "otpy"


def test_nodes_import_the_otpy_beside_the_tests(nodes: Nodes) -> None:
    node = nodes.run("children: [{id: where, start: 'tests.support.lean_workers:Plain'}]")
    assert node.call("where", "source") == str(ROOT / "otpy" / "__init__.py")


def test_commands_import_the_otpy_beside_the_tests(tmp_path: Path) -> None:
    script = "import otpy; print(otpy.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(ROOT / "otpy" / "__init__.py")


def test_no_node_of_the_developers_own_is_seen() -> None:
    assert "OTPY_DIR" not in os.environ


def test_a_process_with_a_name_that_is_no_text_is_a_process_like_any_other() -> None:
    """0.2: the kernel cuts a name within a character."""
    with subprocess.Popen(
        [sys.executable, "-c", CUT_NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as alien:
        assert alien.stdout is not None
        assert alien.stdout.readline() == b"named\n"
        assert alien.pid in descendants(os.getpid())
        assert alien.pid in living_below(os.getpid())
        assert str(alien.pid) in describe([alien.pid])
        reap_adopted([])
        alien.communicate()
    assert alien.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGCHLD])
def test_a_signal_that_was_ignored_from_the_start_is_not(number: signal.Signals) -> None:
    """0.4: as in the background of a script."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        restore_signals()
        assert signal.getsignal(number) is before
    finally:
        signal.signal(number, before)


def test_a_signal_that_was_blocked_from_the_start_is_not() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    restore_signals()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
