"""Workers that leave to Python's end what it does then."""

import asyncio
import atexit
import gzip
import logging
import logging.handlers
import tempfile
import threading
import time
import weakref
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any, ClassVar

import otpy
from otpy import GenServer
from tests.support.workers import note

_kept: list[Any] = []


def leave(folder: str) -> list[Any]:
    """Begin everything that only Python's end finishes; give what has to stay alive."""
    path = Path(folder)
    path.mkdir()
    text = (path / "text").open("w")
    text.write("written")
    packed = gzip.open(path / "packed.gz", "wt")  # noqa: SIM115
    packed.write("written")
    _kept.append((path / "global").open("w"))
    _kept[0].write("written")
    atexit.register((path / "atexit").write_text, "ran")
    weakref.finalize(Leaf, (path / "finalize").write_text, "ran")
    temporary = tempfile.TemporaryDirectory(dir=folder, prefix="temporary")
    handler = logging.handlers.MemoryHandler(100, target=logging.FileHandler(path / "logged"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().error("logged")
    threading.Thread(target=time.sleep, args=(100_000,)).start()
    note(str(path.parent / "log"), "begun", folder)
    return [text, packed, temporary]


class Leaf:
    """Something to be finalized."""


class Server(GenServer):
    """Is stopped in order."""

    def init(self, folder: str) -> None:
        self.left = leave(folder)
        self.itself = self  # so that only the garbage collector finds it


class Untrapped(Server):
    """Is ended without `terminate`."""

    trap_exit: ClassVar[bool] = False


class Async(Server):
    """The same on an event loop."""

    async def handle_info(self, message: object) -> None:
        del message


def function(folder: str) -> None:
    """Wait to be stopped."""
    left = leave(folder)
    otpy.receive()
    del left


def computes(folder: str) -> None:
    """Never wait."""
    left = leave(folder)
    while left:
        pass


async def coroutine(folder: str) -> None:
    """Wait on an event loop."""
    left = leave(folder)
    await asyncio.sleep(1000)
    del left


def hangs_at_its_end() -> None:
    """Return, and have something that never ends run then."""
    atexit.register(time.sleep, 100_000)


class Shares(GenServer):
    """Has a shared memory, whose name no other may have."""

    def init(self, name: str) -> None:
        self.shared = shared_memory.SharedMemory(name, create=True, size=100)
