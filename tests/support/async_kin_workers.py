"""Workers that monitor, link and register on an event loop, as `kin_workers` do without one."""

import inspect
from typing import ClassVar

import otpy
from otpy import aio
from tests.support import kin_workers
from tests.support.async_kin_calls import KinCalls


class Kin(KinCalls, kin_workers.Kin):  # type: ignore[misc]
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

    async def handle_call(self, request: object, caller: otpy.Caller) -> object:
        result = super().handle_call(request, caller)
        return await result if inspect.isawaitable(result) else result


class Frail(Kin):
    """Does not trap exits: what it is linked to takes it along."""

    trap_exit: ClassVar[bool] = False
