"""Fixtures of the tests of the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy import connect
from otpy.cli import main
from otpy.cli.terminal import Terminal
from tests.cli.commands import CONFIGS, Outcome, Run, private_directory, running
from tests.support.processes import DEADLINE_S


@pytest.fixture(autouse=True, scope="session")
def patient() -> Iterator[None]:
    """Wait for what a node prints, and for its end, as long as all tests wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("otpy.cli.terminal.PATIENCE_S", DEADLINE_S)
        patch.setattr("otpy.cli.demo_script.PATIENCE_S", DEADLINE_S)
        yield


@pytest.fixture
def otpy(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> Outcome:
        capsys.readouterr()
        status = main([str(word) for word in words])
        printed = capsys.readouterr()
        return Outcome(status, printed.out, printed.err)

    return run


@pytest.fixture
def nowhere() -> Iterator[Path]:
    """A directory for sockets in which no node runs."""
    with private_directory() as private:
        yield private


@pytest.fixture
def counter(nowhere: Path) -> Iterator[Terminal]:
    """A node of configs/counter.yaml."""
    with running(CONFIGS / "counter.yaml", nowhere) as run:
        yield run


@pytest.fixture(scope="module")
def shop() -> Iterator[Terminal]:
    """A node of configs/shop.yaml, shared by a module's tests that only look at it."""
    with private_directory() as private, running(CONFIGS / "shop.yaml", private) as run:
        with connect("shop") as node:
            node["inventory"].monitor().wait(timeout=DEADLINE_S)  # it has its work done, and ends
        yield run
