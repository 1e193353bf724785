"""Workers that are sent stop signals. What they have to report they write into a log."""

import asyncio
import os
import signal
import threading
import time

import otpy
from otpy import GenServer, call
from tests.support.workers import note


class Plain(GenServer):
    """Says when it ends."""

    def init(self, log: str) -> None:
        self.log = log
        note(log, "init", self.name)

    def terminate(self, reason: str) -> None:
        note(self.log, "terminate", self.name, reason)

    @call
    def forks(self) -> int:
        """Fork a process that has no handler of its own; return the signal that ends it."""
        pid = os.fork()
        if pid == 0:
            time.sleep(1000)
        os.kill(pid, signal.SIGTERM)
        return -os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Async(Plain):
    """The same on an event loop."""

    async def handle_info(self, message: object) -> None:
        del message


class Handles(Plain):
    """Has a handler of its own."""

    def init(self, log: str) -> None:
        signal.signal(signal.SIGTERM, lambda *_: note(log, "handled", self.name))
        super().init(log)


def function(log: str) -> None:
    """Sleep until something ends it."""
    try:
        note(log, "init", "function")
        time.sleep(1000)
    finally:
        note(log, "terminate", "function", "finally")


def receives(log: str) -> None:
    """Wait for messages until something ends it."""
    threading.Thread(target=time.sleep, args=(1000,)).start()
    try:
        note(log, "init", "receives")
        otpy.receive()
    finally:
        note(log, "terminate", "receives", "finally")


async def coroutine(log: str) -> None:
    """Wait on an event loop until something ends it."""
    try:
        note(log, "init", "coroutine")
        await asyncio.sleep(1000)
    finally:
        note(log, "terminate", "coroutine", "finally")
