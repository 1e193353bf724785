"""Workers that monitor, link and register on an event loop, as `kin_workers` do without one."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import otpy
from otpy import aio, call
from tests.support import kin_workers
from tests.support.kin_workers import Name


class Kin(kin_workers.Kin):
    """Watches others as it is told, and notes what it hears."""

    async def init(  # type: ignore[override]
        self, log: str, name: str = "", key: str = ""
    ) -> object:
        super().init(log)
        if name:
            await aio.register_name(name)
        if key:
            await aio.register(key, self.name)
        return None

    @call
    async def monitor(self, name: str) -> None:  # type: ignore[override]
        self.refs.append(await aio.monitor(name))

    @call
    async def misname(self) -> list[str]:  # type: ignore[override]
        told = []
        names: list[Any] = [42, None, b"b", ["b"]]
        asked: list[Callable[[Any], Any]] = [
            aio.monitor,
            aio.link,
            aio.unlink,
            aio.register_name,
            lambda name: aio.demonitor([name]),  # type: ignore[arg-type]
        ]
        for name in names:
            for ask in asked:
                try:
                    await ask(name)
                except (TypeError, otpy.OtpyError) as error:
                    told.append(type(error).__name__)
        try:
            await aio.register_name("\ud800")
        except ValueError:
            told.append("ValueError")
        return told

    @call
    async def name_by_constant(self) -> list[Any]:  # type: ignore[override]
        self.refs.append(await aio.monitor(Name.B))
        await aio.link(Name.B)
        await aio.unlink(Name.B)
        await aio.cast(Name.B, "hello")
        return [await aio.whereis(Name.B), await aio.call(Name.B, "sync")]

    @call
    async def demonitor(self) -> None:  # type: ignore[override]
        await aio.demonitor(self.refs.pop())

    @call
    async def link(self, name: str) -> str:  # type: ignore[override]
        try:
            await aio.link(name)
        except otpy.OtpyError as error:
            return type(error).__name__
        return "linked"

    @call
    async def unlink(self, name: str) -> None:  # type: ignore[override]
        await aio.unlink(name)

    async def handle_call(self, request: object, caller: otpy.Caller) -> object:
        result = super().handle_call(request, caller)
        return await result if inspect.isawaitable(result) else result

    @call
    async def register_name(self, name: str) -> str:  # type: ignore[override]
        try:
            await aio.register_name(name)
        except otpy.SupervisorError as error:
            return error.reason
        return "registered"

    @call
    async def register(self, key: Any, value: Any) -> None:  # type: ignore[override]
        await aio.register(key, value)

    @call
    async def register_large(self) -> str:  # type: ignore[override]
        try:
            await aio.register("large", "x" * 100_000)
        except otpy.OtpyError as error:
            return type(error).__name__
        return "registered"

    @call
    async def unregister(self, key: Any) -> None:  # type: ignore[override]
        await aio.unregister(key)

    @call
    async def lookup(self, key: Any) -> list[list[Any]]:  # type: ignore[override]
        return [[each.path, each.pid, each.value] for each in await aio.lookup(key)]

    @call
    async def dispatch(self, key: Any, message: Any) -> int:  # type: ignore[override]
        return await aio.dispatch(key, message)


class Frail(Kin):
    """Does not trap exits: what it is linked to takes it along."""

    trap_exit: ClassVar[bool] = False
