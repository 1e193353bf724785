# Generated from tests/support/async_kin_calls.py by scripts/generate_blocking.py; do not edit.

"""What workers that monitor, link and register do as they are told."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import otpy
from otpy import call


class Name(StrEnum):
    """Names as constants of the user's own class."""

    B = "b"


class KinCalls:
    """Monitors, links, registers and names others."""

    refs: list[int]

    @call
    def monitor(self, name: str) -> None:
        self.refs.append(otpy.monitor(name))

    @call
    def misname(self) -> list[str]:
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
