"""Servers with states of all kinds."""

import asyncio
import signal
import sys
import time
from typing import Any

from otpy import Caller, GenServer, NoReply, Refused, Timeout, call, cast
from tests.support.workers import note


class Keeper(GenServer):
    """Keeps a state, and a secret in it if told how to hide that."""

    def init(self, log: str, hides: str = "") -> None:
        self.log, self.hides = log, hides
        self.count = 0
        self.secret = "open sesame"
        self.callers: list[Caller] = []

    @call
    def increment(self) -> int:
        self.count += 1
        return self.count

    @cast
    def increment_later(self) -> None:
        self.count += 1

    @call
    def keep(self, value: object) -> None:
        self.kept = value

    @call
    def keep_odd(self, kind: str) -> None:
        self.kept = ODD[kind]()

    @call
    def fail(self, text: str) -> None:
        raise ValueError(text)

    @call
    def hang(self) -> None:
        note(self.log, "hangs")
        while True:
            signal.pause()

    def handle_call(self, request: object, caller: Caller) -> object:
        if request == "later":
            self.callers.append(caller)
            return NoReply
        return super().handle_call(request, caller)

    def terminate(self, reason: str) -> None:
        note(self.log, "terminate", reason, self.count)


async def _nothing() -> None:
    pass


class Secretive(GenServer):
    """Has a secret from its first moment on; cannot start if it is told to fail."""

    def init(self, secret: str, hides: str = "", *, fails: bool = False) -> None:
        self.secret, self.hides = secret, hides
        if fails:
            raise ValueError(f"no start with {secret}")

    def handle_info(self, message: object) -> object:
        raise Refused(f"no {message} for {self.secret}")

    @cast
    def remind(self, message: object) -> None:
        self.send_after(0.0, message)

    @cast
    def refuse(self) -> None:
        raise Refused(f"nothing for {self.secret}")

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        if self.hides == "exit":
            sys.exit("open sesame")
        for key in ("message", "reason", "traceback"):
            if key in status:
                status[key] = str(status[key]).replace("open sesame", "***")
        return {**status, "state": "***"}


class Hider(Keeper):
    """Hides its secret, or fails to."""

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        match self.hides:
            case "raise":
                raise LookupError("open sesame")
            case "exit":
                sys.exit("open sesame")
            case "interrupt":
                raise KeyboardInterrupt
            case "coroutine":
                return _nothing()  # type: ignore[return-value]
            case "nonsense":
                return None  # type: ignore[return-value]
            case _:
                hidden = {**status["state"], "secret": "***"}
                shown: dict[str, Any] = {**status, "state": hidden}
                if "message" in status:
                    shown["message"] = "a secret message"
                    for key in ("reason", "traceback"):
                        shown[key] = status[key].replace("open sesame", "***")
                return shown


class Guarded(GenServer):
    """Accepts only some values, and has slots."""

    __slots__ = ("slotted",)

    def init(self) -> None:
        self.slotted = 1
        self.first = 1
        self._limit = 10
        self.last = 3

    def __setattr__(self, name: str, value: object) -> None:
        if name == "_limit" and value != 10:
            raise ValueError("the limit is 10")
        super().__setattr__(name, value)


class Impatient(GenServer):
    """Notes when no message came for a while."""

    def init(self, log: str, seconds: float) -> Timeout:
        self.log = log
        return Timeout(seconds)

    def handle_info(self, message: object) -> None:
        note(self.log, message, time.monotonic())


class AsyncImpatient(Impatient):
    """The same on an event loop."""

    async def handle_info(self, message: object) -> None:  # type: ignore[override]
        note(self.log, message, time.monotonic())


class Asynchronous(Keeper):
    """The same on an event loop."""

    @call
    async def increment(self) -> int:  # type: ignore[override]
        await asyncio.sleep(0)
        self.count += 1
        return self.count


class _Odd:
    def __repr__(self) -> str:
        return "<an odd thing>"


class _Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


def _cycle() -> list[object]:
    cycle: list[object] = []
    cycle.append(cycle)
    return cycle


ODD: dict[str, Any] = {
    "object": _Odd,
    "nested": lambda: {"deep": [_Odd(), 1]},
    "broken": _Broken,
    "cycle": _cycle,
    "huge": lambda: ["x" * 1000] * 100_000,
    "long": lambda: "y" * 10_000_000,
    "big integer": lambda: 1 << 100,
    "surrogate": lambda: "\ud800",
    "set": lambda: {1},
}
