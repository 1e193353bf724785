"""Workers with an event loop that ask others as they are told.

Apart from those without one, which need not import asyncio then.
"""

import inspect
from typing import Any

import otpy.aio
from otpy import call
from tests.support.asking_workers import FAILURES, Asking, asked, failed, plain, told_by
from tests.support.workers import Contract


class AsyncAsking(Asking):
    """Awaits those of `otpy.aio`."""

    @call
    async def start_odd_child(self) -> list[Any]:  # type: ignore[override]
        return await self.do("supervisor.start_child", ["", {"id": "x", "args": [object()]}], {})

    @call
    async def proxied(self, name: str) -> list[Any]:  # type: ignore[override]
        other: Any = otpy.aio.proxy(name, Contract, timeout=60.0)
        await other.put("by a proxy")
        added = [await other.add(1), await other.add(one=1, two=2)]
        return [repr(other), *added, str(told_by(other))]

    @call
    async def put_to_itself(self) -> None:  # type: ignore[override]
        other: Any = otpy.aio.proxy(self.name, Asking)
        await other.put("mine")

    @call
    async def do(  # type: ignore[override]
        self, what: str, args: list[Any], options: dict[str, Any]
    ) -> list[Any]:
        try:
            result = asked(otpy.aio, what)(*args, **options)
            result = await result if inspect.isawaitable(result) else result
            if isinstance(result, otpy.aio.Pending):
                result = await result.result(None)
        except FAILURES as error:
            return failed(error)
        return ["answer", plain(what, result)]
