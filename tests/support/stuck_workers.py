"""Workers that are stuck in many ways."""

import os
import signal
import threading

from otpy import GenServer, call
from tests.support.workers import note, sleep_in_c


class Stuck(GenServer):
    """Gets stuck on demand."""

    def init(self, log: str) -> None:
        self.log = log

    @call
    def ping(self) -> str:
        return "pong"

    @call
    def spin(self) -> None:
        note(self.log, "stuck")
        while True:
            pass

    @call
    def sleep(self) -> None:
        note(self.log, "stuck")
        sleep_in_c()

    @call
    def start_thread(self) -> None:
        ready = threading.Event()
        threading.Thread(target=waits_elsewhere, args=(ready,), daemon=True).start()
        ready.wait()

    @call
    def block_signals(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))

    @call
    def become_sleep(self) -> None:
        note(self.log, "stuck")
        os.execvp("sleep", ["sleep", "1000"])


def waits_elsewhere(ready: threading.Event) -> None:
    """Wait in a thread of its own."""
    ready.set()
    threading.Event().wait()


def sleeps(log: str) -> None:
    """Be a function that is stuck in C."""
    note(log, "stuck")
    sleep_in_c()
