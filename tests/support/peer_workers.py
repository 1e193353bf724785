"""Workers that talk to each other. Nodes under test import them."""

import os
import pickle
import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import otpy
from otpy import Caller, GenServer, NoReply, Pending, Refused, call, cast
from tests.support.workers import note


class Unpicklable:
    """A value that pickle cannot carry."""

    def __reduce__(self) -> Any:
        raise TypeError("not this one")


class Buffer(bytearray):
    """A value that leaves its bytes out of the pickle, as numpy's arrays do (PEP 574)."""

    @property
    def nbytes(self) -> int:
        return len(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Buffer, (pickle.PickleBuffer(self),)


@dataclass
class Point:
    """A value of a class of the user's."""

    x: int
    y: int


def told(talk: Callable[[], Any]) -> list[Any]:
    """Return what came of it, as plain data: an answer, or an error's name and text."""
    try:
        return ["answer", talk()]
    except (otpy.OtpyError, TypeError) as error:
        return [type(error).__name__, str(error)]


class Talker(GenServer):
    """Does what it is told with others."""

    def init(self, log: str) -> None:
        self.log = log
        self.under_way: list[Pending] = []

    @call
    def call_other(self, name: str, *request: Any) -> list[Any]:
        return told(lambda: otpy.call(name, *request))

    @call
    def call_within(self, seconds: float, name: str, *request: Any) -> list[Any]:
        return told(lambda: otpy.call(name, *request, timeout=seconds))

    @call
    def cast_other(self, name: str, *request: Any) -> list[Any]:
        return told(lambda: otpy.cast(name, *request))

    @call
    def cast_then_call(self, name: str, count: int) -> list[Any]:
        for number in range(count):
            otpy.cast(name, "remember", number)
        return otpy.call(name, "remembered")  # type: ignore[no-any-return]

    @call
    def begin(self, name: str, *request: Any) -> None:
        self.under_way.append(otpy.send_request(name, *request, timeout=None))

    @call
    def results(self) -> list[Any]:
        pending, self.under_way = self.under_way, []
        return [told(partial(each.result, None)) for each in pending]

    @call
    def whereis(self, name: str) -> int | None:
        return otpy.whereis(name)

    @call
    def pass_point(self, name: str) -> list[Any]:
        point = otpy.call(name, "double", Point(1, 2))
        return [type(point).__name__, point.x, point.y]

    @call
    def pass_unpicklable(self, name: str) -> list[Any]:
        return told(lambda: otpy.call(name, "echo", Unpicklable()))

    @call
    def pass_unreadable(self, name: str) -> list[Any]:
        # A class that only this process has.
        local = type("Local", (), {"__module__": __name__})
        globals()["Local"] = local
        return told(lambda: otpy.call(name, "echo", local()))

    @call
    def pass_large(self, name: str, kind: str, size: int) -> bool:
        """Send something large there and tell whether it comes back the same."""
        value: Any = bytes(range(256)) * (size // 256)
        match kind:
            case "bytearray":
                value = bytearray(value)
            case "array":
                value = array("B", value)
            case "buffer":
                value = Buffer(value)
            case "list":
                value = [value, [value], None]
        return bool(otpy.call(name, "echo", value, timeout=None) == value)

    @call
    def cast_large(self, name: str, size: int, count: int) -> list[Any]:
        for number in range(count):
            otpy.cast(name, "measure", bytes([number]) * size)
        return otpy.call(name, "remembered")  # type: ignore[no-any-return]

    @call
    def call_many(self, names: list[str], *request: Any) -> list[Any]:
        replies, bad = otpy.multi_call(names, *request)
        return [replies, {name: type(error).__name__ for name, error in bad.items()}]

    @call
    def cast_many_others(self, names: list[str], *request: Any) -> None:
        otpy.abcast(names, *request)

    @call
    def fill_other(self, name: str, seconds: float) -> list[Any]:
        payload = b"x" * (1 << 20)
        for _ in range(1000):
            said = told(lambda: otpy.cast(name, "ignored", payload, timeout=seconds))
            if said != ["answer", None]:
                return said
        return ["it takes everything", ""]

    @call
    def pass_too_large(self, name: str) -> list[Any]:
        return told(lambda: otpy.call(name, "echo", bytes(65 << 20)))

    @call
    def call_in_threads(self, name: str, count: int) -> list[Any]:
        answers: list[Any] = []

        def run(number: int) -> None:
            answers.append(otpy.call(name, "echo", number))

        threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(answers)

    @call
    def call_after_fork(self, name: str) -> list[Any]:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, told(lambda: otpy.call(name, "echo", 1))[0].encode())
            os._exit(0)
        os.close(write)
        os.waitpid(pid, 0)
        answer = os.read(read, 100).decode()
        os.close(read)
        return [answer, otpy.call(name, "echo", 2)]

    @cast
    def note_it(self, value: Any) -> None:
        note(self.log, "noted", value)


class Listener(GenServer):
    """Is talked to."""

    def init(self, log: str) -> None:
        self.log = log
        self.seen: list[Any] = []
        self.callers: list[Caller] = []

    def handle_call(self, request: object, caller: Caller) -> object:
        match request:
            case "later":
                self.callers.append(caller)
                note(self.log, "waits", self.name)
                return NoReply
            case ("forward", str(name)):
                otpy.cast(name, "answer_for", caller)
                return NoReply
            case "hang":
                note(self.log, "hangs", self.name)
                threading.Event().wait()
            case "crash":
                raise ZeroDivisionError("on purpose")
            case "unpicklable":
                return Unpicklable()
            case "too_large":
                return bytes(65 << 20)
        return super().handle_call(request, caller)

    @call
    def echo(self, value: Any) -> Any:
        return value

    @call
    def double(self, point: Point) -> Point:
        return Point(point.x * 2, point.y * 2)

    @call
    def refuse(self) -> None:
        raise Refused("not today")

    @call
    def pid(self) -> int:
        return os.getpid()

    @call
    def remembered(self) -> list[Any]:
        return self.seen

    @call
    def release(self) -> int:
        callers, self.callers = self.callers, []
        for number, caller in enumerate(callers):
            caller.reply(number)
        return len(callers)

    @cast
    def measure(self, value: bytes) -> None:
        self.seen.append([value[:1], len(value), len(set(value))])

    @cast
    def remember(self, value: Any) -> None:
        self.seen.append(value)
        note(self.log, "cast", value)

    @cast
    def answer_for(self, caller: Caller) -> None:
        caller.reply(f"answered by {self.name}")
        caller.reply("again")


class Early(GenServer):
    """Calls another in its init."""

    def init(self, log: str, other: str) -> None:
        self.log = log
        self.answer = told(lambda: otpy.call(other, "echo", 1))

    @call
    def answered(self) -> list[Any]:
        return self.answer
