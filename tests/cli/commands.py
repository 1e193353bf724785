"""Command lines run in this process, and nodes for them to talk to."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import psutil

from otpy import connect
from otpy.cli.demo_script import await_start, only_directory
from otpy.cli.terminal import Say, Terminal, terminal
from otpy.config import load
from otpy.runtime.node.command import NodeTree, file_of
from otpy.system.marks import with_room
from tests.support.fork_server import Forked
from tests.support.logs import reported
from tests.support.node import fork_server
from tests.support.processes import DEADLINE_S, await_end, become_subreaper, reap_adopted

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True)
class Outcome:
    """What a command line ended with."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The result that it printed, as JSON; that of the one object of `--json` if it is that."""
        found = json.loads(self.out)
        if not (isinstance(found, dict) and "ok" in found):
            return found
        assert found["ok"] is (self.status == 0)
        return found["result"]

    @property
    def one(self) -> dict[str, Any]:
        """The result of the only name."""
        (found,) = self.data
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> dict[str, Any]:
        """The error that it printed as JSON, and nothing beside."""
        assert self.err == ""
        found = json.loads(self.out)
        assert found["ok"] is False
        assert self.status != 0
        assert isinstance(found["error"], dict)
        return found["error"]

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
def running(
    file: Path, private: Path, cwd: Path | None = None, *, by_command: bool = False
) -> Iterator[Terminal]:
    """Run the tree in `file` until the end, and see that nothing of it is left then.

    Args:
        file: A tree without mistakes.
        private: Where the node starts, if not in `cwd`.
        cwd: Where the node starts.
        by_command: Whether ``otpy run`` starts it. What that does before it becomes the node is
            done here otherwise, which saves the start of two interpreters.
    """
    lines: list[str] = []
    start = terminal if by_command else _forked
    with (
        reported(f"otpy run {file.name}", lambda: "\n".join(lines)),
        start(file, cwd or private, lines.append) as run,
    ):
        run.show_until(" is up")
        with connect(load(file, check_imports=False).name) as node:
            await_start(node)
        try:
            yield run
        finally:
            run.note_descendants()
    assert run.survivors() == []


class _Process(Forked):
    """A forked node in place of the process of ``otpy run``, for a `Terminal`."""

    def __init__(self, pid: int, stdout: BinaryIO) -> None:
        super().__init__(pid)
        self.stdout = stdout

    def wait(self, timeout: float = DEADLINE_S) -> int:
        if not await_end(self.pid, time.monotonic() + timeout):
            raise subprocess.TimeoutExpired("a forked node", timeout)
        return super().wait()


@contextmanager
def _forked(file: Path, folder: Path, say: Say) -> Iterator[Terminal]:
    """Run the tree in `file` as `terminal` does, in a node that the fork server forks."""
    become_subreaper()
    config = load(file, check_imports=False)
    read, write = os.pipe()
    with open(read, "rb", buffering=0) as output:  # noqa: PTH123  # a descriptor has no path
        with file_of(NodeTree(config.name, config.path, config.spec)) as tree:
            forked = fork_server().start(with_room(os.environ), tree.fileno(), write, write, folder)
        os.close(write)
        process = _Process(forked.pid, output)
        try:
            yield Terminal(cast("subprocess.Popen[bytes]", process), say)
        finally:
            process.send_signal(signal.SIGTERM)
            if not await_end(process.pid):
                process.send_signal(signal.SIGKILL)
            process.wait()
            reap_adopted([process.pid])
