"""Command lines run in this process, and nodes for them to talk to."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import psutil

from otpy import connect
from otpy.cli.demo_script import await_start, only_directory
from otpy.cli.terminal import Terminal, terminal
from otpy.config import load
from tests.support.logs import reported

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True)
class Outcome:
    """What a command line ended with."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on stderr of a command that did not do its work."""
        assert self.status != 0
        assert self.out == ""
        assert self.err.startswith("otpy: ")
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err.removeprefix("otpy: ").rstrip("\n")


Run: TypeAlias = Callable[..., Outcome]
"""Runs a command line, given word by word."""


def title(process: psutil.Process) -> str:
    """Return a process's title, as ps shows it."""
    return " ".join(process.cmdline()).rstrip()


@contextmanager
def private_directory() -> Iterator[Path]:
    """Make a directory for sockets of this test alone; its path is short, as theirs must be."""
    with (
        tempfile.TemporaryDirectory(prefix="otpy-", dir="/tmp") as path,
        only_directory(Path(path)),
    ):
        yield Path(path)


@contextmanager
def running(file: Path, private: Path, cwd: Path | None = None) -> Iterator[Terminal]:
    """Run the tree in `file` until the end, and see that nothing of it is left then."""
    lines: list[str] = []
    with (
        reported(f"otpy run {file.name}", lambda: "\n".join(lines)),
        terminal(file, cwd or private, lines.append) as run,
    ):
        run.show_until(" is up")
        with connect(load(file, check_imports=False).name) as node:
            await_start(node)
        try:
            yield run
        finally:
            run.note_descendants()
    assert run.survivors() == []
