"""A GenServer some of whose callbacks are ``async def``: an event loop drives the same mailbox.

Still one message at a time. What the user's code started beside (`asyncio.create_task`) runs
while a handler awaits and while the server waits for messages. Only workers that need it import
this module, and asyncio with it.
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from otpy.core.exits import ExitReason
from otpy.runtime.exit_reasons import raised
from otpy.runtime.worker.async_mailbox import Waiting
from otpy.runtime.worker.connections import Cast, Info, LinkCall
from otpy.runtime.worker.event_loop import EventLoop
from otpy.runtime.worker.gen_server import End, NotNeeded, Serving
from otpy.runtime.worker.mailbox import Message, WorkerMailbox
from otpy.runtime.worker.stop_requests import ShutdownRequested
from otpy.server.genserver import GenServer
from otpy.server.results import Continue, Ignore


class AsyncServing(Serving):
    """Runs a server's callbacks, awaits those that are async, and carries out what they return.

    Attributes:
        loop: To be closed once the server's end was told.
    """

    def __init__(self, server: GenServer, mailbox: WorkerMailbox) -> None:
        super().__init__(server, mailbox)
        self.loop = EventLoop()
        self._waiting = Waiting(mailbox)
        self._begun: Coroutine[Any, Any, object] | None = None
        self._task: asyncio.Task[Any] | None = None

    @classmethod
    def after(cls, serving: Serving, begun: Coroutine[Any, Any, object]) -> "AsyncServing":
        """Return the serving of a server that needs a loop, with the coroutine that it began."""
        # ruff: noqa: SLF001  # it is of the same class
        server = cls(serving._server, serving._mailbox)
        server._continues, server._idle_s = serving._continues, serving._idle_s
        server._hand, server._begun = serving._hand, begun
        return server

    def init(self, args: tuple[object, ...], kwargs: dict[str, object]) -> ExitReason | None:
        """Run `init`, or finish what was begun of it; returns and raises as `Serving.init`."""
        begun, self._begun = self._begun, None
        init = partial(self._server.init, *args, **kwargs) if begun is None else lambda: begun
        self._take(self.loop.run(_attempt(init)))
        return self._end.reason if self._end else None

    def _take(self, outcome: "tuple[object, BaseException | None]") -> None:
        result, error = outcome
        if error is not None:
            raise error
        if result is Ignore:
            raise NotNeeded
        self._carry_out("init", result)

    def serve(self) -> ExitReason:
        """Serve until the server stops, crashes or is asked to stop; `terminate` has run then."""
        try:
            end = self.loop.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # a task's, or a signal handler's
            end = self._end = End(raised(error))
            if self._task is not None:
                self._task.cancel()  # it is to handle no message while `terminate` runs
        return self.loop.run(self._terminate_async(end))

    async def _serve(self) -> End:
        self._task = asyncio.current_task()
        if self._begun is not None:
            assert self._hand is not None
            await self._handle_async(self._hand)
        while self._end is None:
            try:
                await self._step_async()
            except ShutdownRequested as order:
                self._end = End(order.reason)
        return self._end

    async def _step_async(self) -> None:
        if self._continues:
            self._hand = Continue(self._continues.pop())
        else:
            self._hand = await self._waiting.next(self._idle_s) or self._mailbox.timed_out()
            self._idle_s = None
        await self._handle_async(self._hand)

    async def _handle_async(self, message: Message | Continue) -> None:
        begun, self._begun = self._begun, None
        try:
            result = await _result(self._call(message) if begun is None else begun)
            if isinstance(message, LinkCall):
                self._answer(message, result)
            else:
                self._carry_out(f"handle_{type(message).__name__.lower()}", result)
        except BaseException as error:  # noqa: BLE001  # let it crash, but say why
            self._fail(message, error)
        else:
            if self._end is None:
                self._hand = None

    def _call(self, message: Message | Continue) -> object:
        server = self._server
        match message:
            case LinkCall(request=request):
                return server.handle_call(request, message)
            case Cast(request=request):
                return server.handle_cast(request)
            case Info(message=content):
                return server.handle_info(content)
            case Continue(argument=argument):
                return server.handle_continue(argument)

    async def _terminate_async(self, end: End) -> ExitReason:
        reason = end.reason
        try:
            await _result(self._server.terminate(str(reason)))
        except BaseException as error:  # noqa: BLE001  # it becomes the exit reason, as in OTP
            reason = raised(error)
        self._answer_last(end)
        return reason


async def _attempt(function: Callable[[], Any]) -> tuple[object, BaseException | None]:
    """Call, and return what was raised: raised here, asyncio's frames would be in its trace."""
    try:
        return await _result(function()), None
    except BaseException as error:  # noqa: BLE001  # the caller raises it
        return None, error


async def _result(result: Any) -> Any:
    """Await what a callback returned, and what that gives in turn: another callback's coroutine."""
    while inspect.isawaitable(result):
        result = await result
    return result
