"""Workers that are ready some time after they have started: when a file is there."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import otpy
from otpy import GenServer
from tests.support.workers import note, sleep_in_c

SAY = (
    "import os, socket; name = os.environ['NOTIFY_SOCKET'].replace('@', chr(0)); "
    "socket.socket(1, 2).sendto(b'READY=1', name)"
)
"""What a script says to be ready, as a program of its own."""


def await_file(path: str) -> None:
    """Wait for a file, as a program waits for what it needs: nothing else tells of it."""
    while not Path(path).exists():
        time.sleep(0.005)


def said(gate: str, log: str = "") -> None:
    """Say that it is ready once there is a gate."""
    await_file(gate)
    otpy.ready()
    otpy.ready()
    _note(log)
    otpy.receive()


async def said_async(gate: str, log: str = "") -> None:
    await asyncio.to_thread(await_file, gate)
    otpy.ready()
    _note(log)
    await asyncio.Event().wait()


def said_by_thread(gate: str) -> None:
    threading.Thread(target=_say, args=(gate,), daemon=True).start()
    otpy.receive()


def _say(gate: str) -> None:
    await_file(gate)
    otpy.ready()


def said_by_a_fork(gate: str) -> None:
    """Let a process that it forked say so."""
    if (pid := os.fork()) == 0:
        await_file(gate)
        otpy.ready()
        os._exit(0)
    os.waitpid(pid, 0)
    otpy.receive()


def said_by_a_program(gate: str) -> None:
    await_file(gate)
    subprocess.run([sys.executable, "-c", SAY], check=True)
    otpy.receive()


def says_how_far(text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0"))
        sender.send(f"STATUS={text}\nMAINPID=1\nX\n".encode())
    otpy.receive()


def ends_before(how: str) -> None:
    """End before it is ready."""
    if how == "exit":
        sys.exit(3)
    if how == "raise":
        raise RuntimeError("no luck")


def prints(gate: str, line: str) -> None:
    await_file(gate)
    sys.stdout.write(f"{line}\n")
    otpy.receive()


def listens(gate: str, port: int) -> None:
    await_file(gate)
    with socket.create_server(("127.0.0.1", port)):
        otpy.receive()


class Hangs(GenServer):
    """Never comes up."""

    def init(self, how: str) -> None:
        hangs_here(how)


class AsyncHangs(GenServer):
    async def init(self, how: str) -> None:
        hangs_here(how)


def hangs_here(how: str) -> None:
    waits: dict[str, Callable[[], object]] = {
        "c": sleep_in_c,
        "python": lambda: time.sleep(1e6),
        "lock": _acquired_twice,
    }
    waits[how]()


def _acquired_twice() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


class Late(GenServer):
    """Says that it is ready when it is told to."""

    trap_exit = True

    def init(self, gate: str, log: str = "") -> None:
        self.log = log
        self.send_after(0.0, "serves")
        threading.Thread(target=_say, args=(gate,), daemon=True).start()

    def handle_call(self, request: object, caller: object) -> object:
        return request

    def handle_info(self, message: object) -> None:
        if self.log:
            note(self.log, message)

    def terminate(self, reason: str) -> None:
        if self.log:
            note(self.log, "terminated", reason)


class NotNeeded(GenServer):
    def init(self) -> object:
        return otpy.Ignore


class Early(GenServer):
    """Says so in its init."""

    def init(self) -> None:
        otpy.ready()

    def handle_call(self, request: object, caller: object) -> object:
        return request


def _note(log: str) -> None:
    if log:
        note(log, "ready")
