"""Workers that ask others as they are told. Nodes under test import them."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any

import msgspec

import otpy
from otpy import Down, Exit, GenServer, call, cast
from tests.support.workers import Contract, note

FAILURES = (otpy.OtpyError, TypeError, ValueError)


class Field(StrEnum):
    """Names as constants of the user's own class."""

    COUNT = "count"


@dataclass
class Pair:
    """A value of a class of the user's own."""

    one: int
    two: int


VALUES: dict[str, Any] = {
    "of a class": {Field.COUNT: Pair(1, 2)},
    "unsendable": {"count": object()},
    "large": {"count": bytes(2 << 20)},
    "no mapping": ["count"],
    "no names": {1: 2},
}


def failed(error: Exception) -> list[Any]:
    """Return what went wrong, as plain data."""
    return ["error", type(error).__name__, [*error.args]]


def plain(what: str, result: Any) -> Any:
    """Make what was returned plain data."""
    if what == "multi_call":
        replies, bad = result
        return [replies, {name: failed(error) for name, error in bad.items()}]
    if isinstance(result, list):
        return [plain("", each) for each in result]
    if isinstance(result, otpy.OtpyError):
        return failed(result)
    if isinstance(result, otpy.Registered):
        return asdict(result)
    return msgspec.structs.asdict(result) if isinstance(result, msgspec.Struct) else result


def asked(module: Any, what: str) -> Callable[..., Any]:
    """Find the function of `otpy`, or of `otpy.aio`, that is meant."""
    if what.startswith("supervisor."):
        operation = what.removeprefix("supervisor.")
        return lambda path, *args, **options: getattr(module.supervisor(path), operation)(
            *args, **options
        )
    found: Callable[..., Any] = attrgetter(what)(module)
    return found


def told_by(other: Any) -> AttributeError | None:
    try:
        other.not_marked()
    except AttributeError as error:
        return error
    return None


class Asking(GenServer):
    """Calls the functions of `otpy`, and tells what they return or raise."""

    def init(self, log: str) -> None:
        self.log = log

    @call
    def do(self, what: str, args: list[Any], options: dict[str, Any]) -> list[Any]:
        try:
            result = asked(otpy, what)(*args, **options)
            if isinstance(result, otpy.Pending):
                result = result.result(None)
        except FAILURES as error:
            return failed(error)
        return ["answer", plain(what, result)]

    @call
    def replace_state(self, name: str, what: str) -> list[Any]:
        return self.do("sys.replace_state", [name, VALUES[what]], {})

    @call
    def start_odd_child(self) -> list[Any]:
        return self.do("supervisor.start_child", ["", {"id": "x", "args": [object()]}], {})

    @call
    def proxied(self, name: str) -> list[Any]:
        other = otpy.proxy(name, Contract, timeout=60.0)
        other.put("by a proxy")
        return [repr(other), other.add(1), other.add(one=1, two=2), str(told_by(other))]

    @cast
    def put(self, value: object) -> None:
        note(self.log, "put", self.name, value)

    @call
    def put_to_itself(self) -> None:
        otpy.proxy(self.name, Asking).put("mine")

    def handle_info(self, message: object) -> object:
        match message:
            case Down(path=path, incarnation=incarnation, reason=reason):
                note(self.log, "down", self.name, path, incarnation, reason)
            case Exit(path=path, incarnation=incarnation, reason=reason):
                note(self.log, "exit", self.name, path, incarnation, reason)
            case other:
                note(self.log, "info", self.name, other)
        return None


class Early(Asking):
    """Asks in its init for what it is told to."""

    def init(self, log: str, what: str = "", *args: Any) -> None:
        super().init(log)
        self.answer = self.do(what, [*args], {} if what == "tasks.start" else {"timeout": 30.0})

    @call
    def answered(self) -> list[Any]:
        return self.answer
