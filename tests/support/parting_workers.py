"""A worker that does much as it stops. Nodes under test import it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import otpy
from otpy import GenServer
from tests.support.workers import note

DONE: dict[str, Callable[[], Any]] = {
    "first call": lambda: otpy.call("db/store", "increment"),
    "call of a sibling": lambda: otpy.call("helper", "increment"),
    "cast": lambda: otpy.cast("other", "increment_later"),
    "call behind the cast": lambda: otpy.call("other", "get_count"),
    "call of what has stopped": lambda: otpy.call("tail", "get_count"),
    "call of what has stopped beside it": lambda: otpy.call("late", "get_count"),
    "where one is that runs": lambda: otpy.whereis("store") is not None,
    "where one is that has stopped": lambda: otpy.whereis("tail"),
    "state": lambda: otpy.sys.get_state("store")["count"],
    "instance": lambda: otpy.call("many", "get_count"),
    "pool": lambda: otpy.cast("many", "increment_later"),
    "task": lambda: otpy.tasks.await_(otpy.tasks.async_(len, [1, 2])),
}


class Parting(GenServer):
    """Does all that in its `terminate`, and then waits until LOG.fifo is written to."""

    def init(self, log: str) -> None:
        self.log = log

    def terminate(self, _reason: str) -> None:
        for what, do in DONE.items():
            try:
                note(self.log, what, do())
            except otpy.OtpyError as error:
                note(self.log, what, type(error).__name__)
        note(self.log, "done")
        Path(f"{self.log}.fifo").read_bytes()
