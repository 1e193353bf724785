"""A durable GenServer on an event loop; see `otpy.runtime.worker.durable.serving`."""

from collections.abc import Coroutine
from inspect import isawaitable
from typing import Any

from otpy.core.exits import ExitReason
from otpy.runtime.exit_reasons import raised
from otpy.runtime.worker.async_gen_server import AsyncServing
from otpy.runtime.worker.connections import Info, OnceCall
from otpy.runtime.worker.durable.gate import COMMIT, Gate
from otpy.runtime.worker.durable.serving import DurableServing, begin_state, note_failure, tell
from otpy.runtime.worker.gen_server import End, Serving
from otpy.runtime.worker.mailbox import Message, WorkerMailbox
from otpy.server.genserver import GenServer
from otpy.server.results import Continue


class DurableAsyncServing(AsyncServing):
    """Runs a durable server's callbacks, and stores its state between them.

    Args:
        server: The server.
        mailbox: Its own.
        gate: What holds what it sends.
    """

    def __init__(self, server: GenServer, mailbox: WorkerMailbox, gate: Gate) -> None:
        super().__init__(server, mailbox)
        mailbox.sys_messages.answer_sys = gate.answer
        self.gate = gate

    @classmethod
    def after(cls, serving: Serving, begun: Coroutine[Any, Any, object]) -> "DurableAsyncServing":
        """Return the serving of a server that needs a loop, with the coroutine that it began."""
        assert isinstance(serving, DurableServing)
        # ruff: noqa: SLF001  # they are of one kind
        server = cls(serving._server, serving.real_mailbox, serving.gate)
        server._continues, server._idle_s = serving._continues, serving._idle_s
        server._hand, server._begun = serving._hand, begun
        return server

    def init(self, args: tuple[object, ...], kwargs: dict[str, object]) -> ExitReason | None:
        """Restore the state, or run `init` if there is none; as `DurableServing.init`."""
        if self._begun is not None:  # of an `init` that seemed to be plain, or of `resumed`
            super().init(args, kwargs)
            self.gate.ensure_stored()
        else:
            begin_state(self, args, kwargs)
        if self._end is None:
            self.loop.run(self._commit_async())
            self.gate.started()
        return self._end.reason if self._end else None

    def begin(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Run `init` for the first time."""
        super().init(args, kwargs)

    def resume(self, result: object) -> None:
        """Carry out what `resumed` returned."""
        self._carry_out("resumed", self.loop.run(_awaited(result)))

    async def _step_async(self) -> None:
        if self._continues or self.gate.is_full or not (self._mailbox.waiting or self._more_come()):
            await self._commit_async()
        self.gate.idle()
        await super()._step_async()

    def _more_come(self) -> bool:
        return self.gate.is_shared and self._mailbox.read_more()

    async def _commit_async(self) -> None:
        for effect in self.gate.store_changes():
            try:
                result = effect()
                if isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001  # no handler is there any more
                tell(error)

    async def _handle_async(self, message: Message | Continue) -> None:
        self.gate.begin()
        if isinstance(message, OnceCall):
            # What was begun without a loop has been found new then.
            if self._begun is not None or self.gate.is_new(message):
                await super()._handle_async(message)
                self.gate.applied(message)
        elif type(message) is Info:
            if message.message is not COMMIT:
                self.gate.took(message)
                await super()._handle_async(message)
        else:
            await super()._handle_async(message)
        self.gate.idle()

    def _fail(self, message: Message | Continue, error: BaseException) -> None:
        super()._fail(message, error)
        note_failure(self.gate, self._end, error)

    async def _terminate_async(self, end: End) -> ExitReason:
        try:
            if not self.gate.is_lost:
                await self._commit_async()
            reason = await super()._terminate_async(end)
            if not self.gate.is_lost:
                await self._commit_async()
        except BaseException as error:  # noqa: BLE001  # it becomes the exit reason
            self.gate.roll_back()
            reason = raised(error)
        self.gate.close()
        return reason


async def _awaited(result: object) -> object:
    while isawaitable(result):
        result = await result
    return result
