"""Workers that monitor, link and register. Nodes under test import them."""

import os
import signal
import threading
from typing import ClassVar

import otpy
from otpy import Down, Exit, GenServer, call
from tests.support.kin_calls import KinCalls
from tests.support.workers import note


class Kin(KinCalls, GenServer):
    """Watches others as it is told, and notes what it hears."""

    def init(self, log: str, name: str = "", key: str = "") -> None:
        self.log = log
        self.refs: list[int] = []
        if name:
            otpy.register_name(name)
        if key:
            otpy.register(key, self.name)

    def handle_info(self, message: object) -> object:
        match message:
            case Down(monitor=ref, path=path, incarnation=incarnation, reason=reason):
                note(self.log, "down", ref in self.refs, path, incarnation, reason)
            case Exit(path=path, incarnation=incarnation, reason=reason):
                note(self.log, "exit", path, incarnation, reason)
            case other:
                note(self.log, "info", self.name, other)
        return None

    def terminate(self, reason: str) -> None:
        note(self.log, "terminate", self.name, reason)

    def handle_call(self, request: object, caller: otpy.Caller) -> object:
        match request:
            case ("end", reason):
                return otpy.Stop(reason, reply=None)
            case "crash":
                raise ZeroDivisionError("on purpose")
            case "hang":
                note(self.log, "hangs", self.name)
                threading.Event().wait()
            case ("die_after_sending", str(name)):
                for number in range(100):
                    otpy.cast(name, "got", number)
                os.kill(os.getpid(), signal.SIGKILL)
        return super().handle_call(request, caller)

    def handle_cast(self, request: object) -> object:
        if isinstance(request, tuple) and request[0] == "end":
            return otpy.Stop(request[1])
        note(self.log, "cast", self.name, request)
        return None

    @call
    def sync(self) -> None:
        """Answer, when everything before is handled."""


class Frail(Kin):
    """Does not trap exits: what it is linked to takes it along."""

    trap_exit: ClassVar[bool] = False


def watch(log: str, name: str) -> None:
    """Be a function that monitors another process."""
    ref = otpy.monitor(name)
    note(log, "watches", name)
    down = otpy.receive()
    assert isinstance(down, Down)
    assert down.monitor == ref
    note(log, "heard", down.path, down.reason)
    otpy.receive()


class NotNeeded(Kin):
    """Registers, links and monitors itself in, and is not needed after all."""

    def init(self, log: str, watcher: str = "") -> object:  # type: ignore[override]
        super().init(log, key="news")
        otpy.link(watcher)
        otpy.call(watcher, "monitor", self.name)
        return otpy.Ignore


class Doomed(Frail):
    """Does not trap exits, and is linked to a process that ends before its init has returned."""

    def init(self, log: str, other: str = "", key: str = "") -> None:
        super().init(log)
        otpy.link(other)
        reference = otpy.monitor(other)
        otpy.cast(other, ("end", "bad"))
        while otpy.whereis(other) is not None:
            pass
        note(self.log, "survived", reference)
