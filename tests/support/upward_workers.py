"""Workers that ask the node many things at the same time. Nodes under test import them."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import otpy
import otpy.aio
from otpy import GenServer
from tests.support.workers import note

ASKED: dict[str, Callable[[Any], Any]] = {
    "call": lambda module: module.call("other", "get_count"),
    "cast": lambda module: module.cast("other", "increment"),
    "link": lambda module: module.link("other"),
    "lookup": lambda module: module.lookup("key"),
    "monitor": lambda module: module.monitor("other"),
    "register": lambda module: module.register("key"),
    "register_name": lambda module: module.register_name("name"),
    "start_child": lambda module: module.supervisor("").start_child({"id": "x", "start": "m:f"}),
    "start_task": lambda module: module.tasks.start(print),
    "state": lambda module: module.sys.get_state("other"),
    "stop": lambda module: module.stop("other"),
    "which_children": lambda module: module.supervisor("").which_children(),
}
"""Everything that is asked of the node, by what a user calls it."""


class Upward(GenServer):
    """Asks all that from threads of its own, and waits for the answers."""

    def init(self, log: str) -> None:
        self.log, self.answers = log, str(Path(log).with_name("answers"))

    def handle_cast(self, request: object) -> None:
        if request != "ask":
            note(self.log, "connected", self.name)
            return
        threads = [threading.Thread(target=self._ask, args=(what,)) for what in ASKED]
        for thread in threads:
            thread.start()
        note(self.log, "asking", self.name)
        for thread in threads:
            thread.join()
        note(self.log, "done", self.name)

    def _ask(self, what: str) -> None:
        try:
            ASKED[what](otpy)
        except Exception as error:  # noqa: BLE001  # the test asserts on it
            note(self.answers, self.name, what, type(error).__name__)
        else:
            note(self.answers, self.name, what, "")


class AsyncUpward(Upward):
    """Asks all that at once on its event loop."""

    async def handle_cast(self, request: object) -> None:  # type: ignore[override]
        if request != "ask":
            note(self.log, "connected", self.name)
            return
        asking = asyncio.gather(*map(self._await, ASKED))
        await asyncio.sleep(0)
        note(self.log, "asking", self.name)
        await asking
        note(self.log, "done", self.name)

    async def _await(self, what: str) -> None:
        try:
            await ASKED[what](otpy.aio)
        except Exception as error:  # noqa: BLE001  # the test asserts on it
            note(self.answers, self.name, what, type(error).__name__)
        else:
            note(self.answers, self.name, what, "")
