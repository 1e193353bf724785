"""A GenServer some of whose callbacks are ``async def``: an event loop drives the same mailbox.

Still one message at a time. What the user's code started beside (`asyncio.create_task`) runs
while a handler awaits and while the server waits for messages. Only workers that need it import
this module, and asyncio with it.
"""

import asyncio
import contextlib
import importlib
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from otpy.core.exits import ExitReason
from otpy.errors import Refused, UnknownRequest
from otpy.runtime.links import Cast, Info, LinkCall
from otpy.runtime.mailbox import Message, WorkerMailbox
from otpy.runtime.orders import ShutDownAsked
from otpy.runtime.serving import End, NotNeeded, Serving, raised
from otpy.runtime.waiting import Waiting
from otpy.server import Continue, GenServer, Ignore


class AsyncServing(Serving):
    """Runs a server's callbacks, awaits those that are async, and carries out what they return."""

    def __init__(self, server: GenServer, mailbox: WorkerMailbox) -> None:
        super().__init__(server, mailbox)
        self._runner = asyncio.Runner(loop_factory=_loop_factory())
        self._waiting = Waiting(mailbox)

    def init(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Run `init`; raises as `Serving.init`."""
        try:
            self._take(self._runner.run(_attempt(self._server.init, *args, **kwargs)))
        except BaseException:
            self._runner.close()
            raise
        if self._end is not None:
            self._runner.close()

    def _take(self, outcome: "tuple[object, BaseException | None]") -> None:
        result, error = outcome
        if error is not None:
            raise error
        if result is Ignore:
            raise NotNeeded
        self._carry_out("init", result)

    def serve(self) -> ExitReason:
        """Serve until the server stops, crashes or is told to; `terminate` has run then.

        The tasks that are left over are cancelled then, and waited for.
        """
        with self._runner:
            try:
                end = self._runner.run(self._serve())
            except BaseException as error:  # noqa: BLE001  # a task that is not the server's exited
                end = End(raised(error))
            return self._runner.run(self._terminate_async(end))

    async def _serve(self) -> End:
        while self._end is None:
            try:
                await self._step_async()
            except ShutDownAsked as order:
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
        server = self._server
        try:
            match message:
                case LinkCall(request=request):
                    self._answer(message, await _awaited(server.handle_call, request, message))
                case Cast(request=request):
                    self._carry_out("handle_cast", await _awaited(server.handle_cast, request))
                case Info(message=content):
                    self._carry_out("handle_info", await _awaited(server.handle_info, content))
                case Continue(argument=argument):
                    result = await _awaited(server.handle_continue, argument)
                    self._carry_out("handle_continue", result)
        except (Refused, UnknownRequest) as error:
            self._refuse(message, error)
        except ShutDownAsked as order:
            self._end = End(order.reason)
        except BaseException as error:  # noqa: BLE001  # let it crash, but say why
            self._end = End(raised(error))
        else:
            if self._end is None:
                self._hand = None

    async def _terminate_async(self, end: End) -> ExitReason:
        reason = end.reason
        try:
            await _awaited(self._server.terminate, str(reason))
        except BaseException as error:  # noqa: BLE001  # it becomes the exit reason, as in OTP
            reason = raised(error)
        self._answer_last(end)
        return reason


def run(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run a function worker's coroutine to its end."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(coroutine)


async def _attempt(
    function: Callable[..., Any], *args: object, **kwargs: object
) -> tuple[object, BaseException | None]:
    """Call, and return what was raised: raised here, asyncio's frames would be in its trace."""
    try:
        return await _awaited(function, *args, **kwargs), None
    except BaseException as error:  # noqa: BLE001  # the caller raises it
        return None, error


async def _awaited(function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
    result = function(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        factory: Callable[[], asyncio.AbstractEventLoop]
        factory = importlib.import_module("uvloop").new_event_loop
        return factory
    return None
