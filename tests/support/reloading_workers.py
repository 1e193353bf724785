"""Servers of trees that are reloaded."""

import logging
import threading

from otpy import GenServer, call


class Versioned(GenServer):
    """Counts its calls; `version` is what the tree says. It fails to start if it is to."""

    def init(self, version: int = 0, fails: str = "") -> None:
        if fails:
            raise ValueError(fails)
        self.version, self.calls = version, 0

    @call
    def get(self) -> list[int]:
        self.calls += 1
        return [self.version, self.calls]

    @call
    def log(self, text: str) -> None:
        logging.getLogger("versioned").info(text)

    @call
    def slow(self, seconds: float) -> int:
        threading.Event().wait(seconds)
        return self.version
