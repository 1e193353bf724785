"""Workers that monitor, link and register. Nodes under test import them."""

import os
import signal
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar

import otpy
from otpy import Down, Exit, GenServer, call
from tests.support.workers import note


class Name(StrEnum):
    """Names as constants of the user's own class."""

    B = "b"


class Kin(GenServer):
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

    @call
    def monitor(self, name: str) -> None:
        self.refs.append(otpy.monitor(name))

    @call
    def misname(self) -> list[str]:
        """Name processes by what is no name, and tell what came of each."""
        told = []
        names: list[Any] = [42, None, b"b", ["b"]]
        asked: list[Callable[[Any], Any]] = [
            otpy.monitor,
            otpy.link,
            otpy.unlink,
            otpy.register_name,
            lambda name: otpy.demonitor([name]),  # type: ignore[arg-type]
        ]
        for name in names:
            for ask in asked:
                try:
                    ask(name)
                except (TypeError, otpy.OtpyError) as error:
                    told.append(type(error).__name__)
        try:
            otpy.register_name("\ud800")
        except ValueError:
            told.append("ValueError")
        return told

    @call
    def name_by_constant(self) -> list[Any]:
        self.refs.append(otpy.monitor(Name.B))
        otpy.link(Name.B)
        otpy.unlink(Name.B)
        otpy.cast(Name.B, "hello")
        return [otpy.whereis(Name.B), otpy.call(Name.B, "sync")]

    @call
    def demonitor(self) -> None:
        otpy.demonitor(self.refs.pop())

    @call
    def link(self, name: str) -> str:
        try:
            otpy.link(name)
        except otpy.OtpyError as error:
            return type(error).__name__
        return "linked"

    @call
    def unlink(self, name: str) -> None:
        otpy.unlink(name)

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
    def register_name(self, name: str) -> str:
        try:
            otpy.register_name(name)
        except otpy.SupervisorError as error:
            return error.reason
        return "registered"

    @call
    def register(self, key: Any, value: Any) -> None:
        otpy.register(key, value)

    @call
    def register_large(self) -> str:
        try:
            otpy.register("large", "x" * 100_000)
        except otpy.OtpyError as error:
            return type(error).__name__
        return "registered"

    @call
    def unregister(self, key: Any) -> None:
        otpy.unregister(key)

    @call
    def lookup(self, key: Any) -> list[list[Any]]:
        return [[each.path, each.pid, each.value] for each in otpy.lookup(key)]

    @call
    def dispatch(self, key: Any, message: Any) -> int:
        return otpy.dispatch(key, message)

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
