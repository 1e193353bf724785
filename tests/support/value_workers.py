"""Workers that take values of every kind, and give them. Nodes under test import them."""

import os
import threading
from datetime import date
from typing import Any

import otpy
from otpy import Caller, GenServer, NoReply, call, cast

VALUES: dict[str, Any] = {
    "set": {1, 2},
    "tuple": (1, (2,)),
    "date": date(2024, 2, 29),
    "bytearray": bytearray(b"x"),
}


class Raises:
    """Raises where it is read, not where it is written."""

    def __init__(self, error: str) -> None:
        self.error = error

    def __setstate__(self, state: dict[str, str]) -> None:
        raise {"exit": SystemExit, "stop": GeneratorExit}.get(state["error"], ValueError)(state)


class Keeper(GenServer):
    """Says what came, and of which type."""

    def init(self, *args: Any) -> None:
        self.args = args
        self.seen: list[Any] = []
        self.state: Any = None

    @call
    def kind(self, value: Any) -> str:
        return f"{type(value).__name__} {value!r}"

    @call
    def echo(self, value: Any) -> Any:
        return value

    @call
    def given(self) -> str:
        return repr(self.args)

    @call
    def make(self, name: str) -> Any:
        return {"object": object(), "raises": Raises("error"), "exit": Raises("exit")}[name]

    @cast
    def note(self, value: Any) -> None:
        self.seen.append(value)

    @call
    def noted(self) -> list[Any]:
        return self.seen

    @call
    def pid(self) -> int:
        return os.getpid()

    def handle_info(self, message: Any) -> None:
        self.seen.append(message)


class Peer(Keeper):
    """Talks to the keeper as another worker."""

    @call
    def told(self, request: str, *args: Any) -> list[str]:
        try:
            return ["answer", repr(otpy.call("keeper", request, *args))]
        except otpy.OtpyError as error:
            return [type(error).__name__, str(error)]

    @call
    def send(self, how: str, error: str) -> list[str]:
        """Send what cannot be read there."""
        try:
            if how == "call":
                return ["answer", repr(otpy.call("keeper", "echo", Raises(error)))]
            otpy.cast("keeper", "note", Raises(error))
        except otpy.OtpyError as refused:
            return [type(refused).__name__, str(refused)]
        return ["cast", ""]

    @call
    def register(self, key: Any) -> None:
        otpy.register(key, "here")

    @call
    def look_up(self, key: Any) -> list[str]:
        return [each.path for each in otpy.lookup(key)]

    @call
    def start(self, value: Any) -> str:
        child = otpy.supervisor("pool").start_child(
            {"id": "w", "start": "tests.support.value_workers:Keeper", "args": (value,)}
        )
        assert child.pid
        return str(otpy.call("pool/w", "given"))


class Handing(GenServer):
    """Hands its calls to another process, which answers with what cannot be read here."""

    def handle_call(self, request: Any, caller: Caller) -> Any:
        if request == "pid":
            return os.getpid()
        otpy.cast("answerer", "answer", caller)
        return NoReply


class Answerer(GenServer):
    @cast
    def answer(self, caller: Caller) -> None:
        threading.Thread(target=lambda: caller.reply(Raises("error"))).start()
