"""Workers of which spares are kept: what their import does is told, or asked for, by files.

The environment of the child names the folder of the files; in a process without it, such as one
that checks the tree, the import does nothing.
"""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import otpy
from otpy import Caller, GenServer
from tests.support.workers import note

FOLDER = Path(os.environ.get("SPARE_FOLDER", "/nonexistent"))

ORPHANING = """
import os, time
if os.fork() == 0:
    os.setsid()
    os.write(1, b"%d" % os.getpid())
    os.closerange(0, 3)
    time.sleep(1000)
"""


def imported() -> None:
    """Do at the import what the files of the folder ask for."""
    if not FOLDER.is_dir():
        return
    os.write(1, b"importing\n")
    note(str(FOLDER / "imports"), sys.argv[0], os.getpid(), str(Path.cwd()), os.getenv("OF_FILE"))
    if (FOLDER / "hang").exists():
        signal.pause()
    if (FOLDER / "fail").exists():
        raise ImportError("as the file asks for")
    if (FOLDER / "orphan").exists():
        shown = subprocess.run([sys.executable, "-c", ORPHANING], capture_output=True, check=False)
        note(str(FOLDER / "orphans"), int(shown.stdout))


class Counter(GenServer):
    """Counts, and says in which process."""

    def init(self, log: str) -> None:
        """Note the start."""
        self.count = 0
        note(log, "init", self.name, os.getpid())

    def handle_call(self, request: object, caller: Caller) -> object:
        """Count any request."""
        del request, caller
        self.count += 1
        return [self.count, os.getpid()]


class Announcing(Counter):
    """The same, which says itself that it is ready."""

    def init(self, log: str) -> None:
        """Note the start, and say so."""
        super().init(log)
        otpy.ready()


class AsyncCounter(GenServer):
    """The same on an event loop."""

    async def init(self, log: str) -> None:
        """Note the start."""
        self.count = 0
        note(log, "init", self.name, os.getpid())

    async def handle_call(self, request: object, caller: Caller) -> object:
        """Count any request."""
        del request, caller
        self.count += 1
        return [self.count, os.getpid()]


def function(log: str) -> None:
    """Note the start, and wait."""
    note(log, "init", sys.argv[0], os.getpid())
    signal.pause()


async def coroutine(log: str) -> None:
    """Note the start, and wait."""
    note(log, "init", sys.argv[0], os.getpid())
    await asyncio.Event().wait()


imported()
