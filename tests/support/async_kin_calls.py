"""What workers that monitor, link and register do as they are told."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import otpy.aio
from otpy import call


class Name(StrEnum):
    """Names as constants of the user's own class."""

    B = "b"


class KinCalls:
    """Monitors, links, registers and names others."""

    refs: list[int]

    @call
    async def monitor(self, name: str) -> None:
        self.refs.append(await otpy.aio.monitor(name))

    @call
    async def misname(self) -> list[str]:
        told = []
        names: list[Any] = [42, None, b"b", ["b"]]
        asked: list[Callable[[Any], Any]] = [
            otpy.aio.monitor,
            otpy.aio.link,
            otpy.aio.unlink,
            otpy.aio.register_name,
            lambda name: otpy.aio.demonitor([name]),  # type: ignore[arg-type]
        ]
        for name in names:
            for ask in asked:
                try:
                    await ask(name)
                except (TypeError, otpy.OtpyError) as error:
                    told.append(type(error).__name__)
        try:
            await otpy.aio.register_name("\ud800")
        except ValueError:
            told.append("ValueError")
        return told

    @call
    async def name_by_constant(self) -> list[Any]:
        self.refs.append(await otpy.aio.monitor(Name.B))
        await otpy.aio.link(Name.B)
        await otpy.aio.unlink(Name.B)
        await otpy.aio.cast(Name.B, "hello")
        return [await otpy.aio.whereis(Name.B), await otpy.aio.call(Name.B, "sync")]

    @call
    async def demonitor(self) -> None:
        await otpy.aio.demonitor(self.refs.pop())

    @call
    async def link(self, name: str) -> str:
        try:
            await otpy.aio.link(name)
        except otpy.OtpyError as error:
            return type(error).__name__
        return "linked"

    @call
    async def unlink(self, name: str) -> None:
        await otpy.aio.unlink(name)

    @call
    async def register_name(self, name: str) -> str:
        try:
            await otpy.aio.register_name(name)
        except otpy.SupervisorError as error:
            return error.reason
        return "registered"

    @call
    async def register(self, key: Any, value: Any) -> None:
        await otpy.aio.register(key, value)

    @call
    async def register_large(self) -> str:
        try:
            await otpy.aio.register("large", "x" * 100_000)
        except otpy.OtpyError as error:
            return type(error).__name__
        return "registered"

    @call
    async def unregister(self, key: Any) -> None:
        await otpy.aio.unregister(key)

    @call
    async def lookup(self, key: Any) -> list[list[Any]]:
        return [[each.path, each.pid, each.value] for each in await otpy.aio.lookup(key)]

    @call
    async def dispatch(self, key: Any, message: Any) -> int:
        return await otpy.aio.dispatch(key, message)
