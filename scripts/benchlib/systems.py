"""What is measured: otpy, the loop that is its baseline, and other supervisors where installed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from .marks import Mark, Marks

_SCRIPTS = Path(__file__).resolve().parent.parent
_STOP_S = 60


class System:
    """Something that keeps workers alive, in a directory of its own; a context manager.

    Attributes:
        started_ns: When it was started.
        workers: The marks of the workers that live now.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.started_ns = 0
        self.workers: list[Mark] = []
        self._folder = Path(tempfile.mkdtemp(prefix="otpy-"))
        self.marks = Marks(str(self._folder / "marks"))
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self, folder: Path) -> Sequence[str | Path]:
        """Write what it needs into `folder`; return the command that starts it."""

    @property
    def pid(self) -> int:
        """Its process's."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        """Start it, and wait until all its workers run."""
        command = self.prepare(self._folder)
        with (self._folder / "output").open("wb") as output:
            self.started_ns = time.monotonic_ns()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                env=self._environment(),
                start_new_session=True,
            )
        try:
            self.workers = self.marks.take(self.count)
        except BaseException:
            sys.stderr.write((self._folder / "output").read_text()[-2000:])
            self._end()
            raise
        return self

    def _environment(self) -> dict[str, str]:
        path = filter(None, (os.environ.get("PYTHONPATH"), str(_SCRIPTS)))
        environment = os.environ | {
            "OTPY_DIR": str(self._folder / "run"),
            "PYTHONPATH": os.pathsep.join(path),
        }
        # As users have it: nobody compiles his modules again in every process.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return environment

    def kill_all(self) -> float:
        """SIGKILL all workers at once; return the milliseconds until the last is back."""
        began = time.monotonic_ns()
        for worker in self.workers:
            os.kill(worker.pid, signal.SIGKILL)
        self.workers = self.marks.take(self.count)
        return (max(mark.ns for mark in self.workers) - began) / 1e6

    def kill_one(self, number: int) -> float:
        """SIGKILL one of the workers; return the milliseconds until it is back."""
        began = time.monotonic_ns()
        os.kill(self.workers[number].pid, signal.SIGKILL)
        (self.workers[number],) = self.marks.take(1)
        return (self.workers[number].ns - began) / 1e6

    def stop_in_order(self) -> float:
        """Stop it; return the milliseconds until it has ended."""
        assert self._process is not None
        began = time.monotonic_ns()
        self._process.terminate()
        self._process.wait()
        return (time.monotonic_ns() - began) / 1e6

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it, whatever happened."""
        self._end()

    def _end(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self.stop(self._process)
        self._process.wait()
        self.marks.close()
        shutil.rmtree(self._folder)

    def stop(self, process: "subprocess.Popen[bytes]") -> None:
        """End it."""
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


class Otpy(System):
    """``otpy run`` of a tree of `count` GenServers, all below its root or below `groups` of it."""

    def __init__(self, count: int = 1, groups: int = 1) -> None:
        super().__init__(count)
        self._groups = groups

    def prepare(self, folder: Path) -> Sequence[str | Path]:
        """Write the tree."""
        if self._groups == 1:
            children = self._children(range(self.count), "")
        else:
            numbers = [range(self.count)[n :: self._groups] for n in range(self._groups)]
            groups = (
                f"  - id: group-{n}\n{self._children(own, '    ')}" for n, own in enumerate(numbers)
            )
            children = f"children:\n{''.join(groups)}"
        tree = folder / "bench.yaml"
        tree.write_text(f"name: bench\n{children}")
        return [Path(sys.executable).with_name("otpy"), "run", tree]

    def _children(self, numbers: Sequence[int], indent: str) -> str:
        start = f"start: 'benchlib.worker:Marker', args: [{self.marks.fifo}]"
        lines = [f"max_restarts: {1000 * self.count}", "max_seconds: 1", "children:"]
        lines += [f"  - {{id: worker-{n}, {start}}}" for n in numbers]
        return "".join(f"{indent}{line}\n" for line in lines)


class Loop(System):
    """The loop of `benchlib.loop`."""

    def prepare(self, folder: Path) -> Sequence[str | Path]:
        """Write nothing."""
        del folder
        loop = _SCRIPTS / "benchlib" / "loop.py"
        return [sys.executable, "-P", loop, str(self.count), self.marks.fifo]

    def stop(self, process: "subprocess.Popen[bytes]") -> None:
        """Kill its process group: the workers must not see it die first."""
        os.killpg(process.pid, signal.SIGKILL)


class LoopAhead(Loop):
    """The same loop, which has imported the workers' module ahead."""

    def prepare(self, folder: Path) -> Sequence[str | Path]:
        """Write nothing."""
        return [*super().prepare(folder), "ahead"]


class Runit(System):
    """runit's `runsv`, with a Python worker."""

    command = "runsv"

    def prepare(self, folder: Path) -> Sequence[str | Path]:
        """Write the service's directory."""
        service = folder / "service"
        service.mkdir()
        run = service / "run"
        run.write_text(f"#!/bin/sh\nexec {_worker(self.marks.fifo)}\n")
        run.chmod(0o755)
        return [self.command, service]


class Supervisord(System):
    """supervisord, with a Python worker."""

    command = "supervisord"

    def prepare(self, folder: Path) -> Sequence[str | Path]:
        """Write the configuration."""
        config = folder / "supervisord.conf"
        config.write_text(
            f"[supervisord]\nnodaemon=true\nlogfile={folder}/log\npidfile={folder}/pid\n"
            f"childlogdir={folder}\n"
            f"[program:worker]\ncommand={_worker(self.marks.fifo)}\nautorestart=true\n"
        )
        return [self.command, "-c", config]


def _worker(fifo: str) -> str:
    return f"{sys.executable} {_SCRIPTS / 'benchlib' / 'mark.py'} {fifo}"
