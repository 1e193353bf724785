"""Memory has one meaning in every command: of the whole group, shared pages by share (11.4)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.cli.terminal import Terminal
from tests.cli.commands import Run, private_directory, running

MIB = 1 << 20
PROGRAM = f"""
import os, sys, time
kept = os.urandom({40 * MIB})
if os.fork() == 0:
    os.setsid()
    own = os.urandom({40 * MIB})
    print("both are there", flush=True)
time.sleep(1000)
"""
TREE = """
name: heavy
children:
  - id: family
    command: [python3, WORK/family.py]
    ready: {log: both are there}
"""


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    work: Path = tmp_path_factory.mktemp("heavy")
    (work / "family.py").write_text(PROGRAM)
    tree = work / "heavy.yaml"
    tree.write_text(TREE.replace("WORK", str(work)))
    with private_directory() as private, running(tree, private) as run:
        yield run


def assert_is_of_both(memory: int) -> None:
    # 40 MiB of each, those of the first shared; twice those if they counted for each.
    assert 80 * MIB < memory < 115 * MIB


@pytest.mark.usefixtures("heavy")
def test_every_command_says_the_same(otpy: Run) -> None:
    (in_tree,) = (row for row in otpy("tree", "--json").data if row["path"] == "family")
    of_status = otpy("status", "family", "--json").one
    (in_top,) = (
        load
        for load in otpy("top", "--once", "--json", "--interval", "0.01").data["processes"]
        if load["path"] == "family"
    )
    for shown in (in_tree, of_status, in_top):
        assert_is_of_both(shown["memory"])
        assert shown["memory_exact"]
    assert (in_tree["processes"], of_status["processes"]) == (2, 2)


@pytest.mark.usefixtures("heavy")
def test_one_is_told_of_how_many_processes(otpy: Run) -> None:
    assert "MiB in 2 processes" in otpy("status", "family").out
    assert "MiB\n" in otpy("status", "@gateway").out


@pytest.mark.usefixtures("heavy")
def test_what_a_child_has_started_is_not_its_supervisors(otpy: Run) -> None:
    (root,) = (row for row in otpy("tree", "--json").data if row["path"] == "")
    assert root["memory"] < 80 * MIB
