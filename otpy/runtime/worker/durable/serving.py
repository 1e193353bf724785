"""A durable GenServer at work: as any other, but what it sends leaves after its state is stored."""

from typing import Any, cast

from otpy.core.exits import ExitReason
from otpy.runtime.exit_reasons import raised
from otpy.runtime.worker.connections import Info, OnceCall
from otpy.runtime.worker.durable.gate import COMMIT, Gate
from otpy.runtime.worker.gen_server import End, Serving
from otpy.runtime.worker.mailbox import Message, WorkerMailbox
from otpy.runtime.worker.stop_requests import ShutdownRequested
from otpy.server.genserver import GenServer
from otpy.server.results import Continue
from otpy.system.std_streams import complain
from otpy.wire.codec import printable
from otpy.wire.safe_repr import REASON_CHARS


class _Mailbox:
    """A mailbox whose gate knows whether a handler runs, or a message is waited for."""

    def __init__(self, mailbox: WorkerMailbox, gate: Gate) -> None:
        self._mailbox, self._gate = mailbox, gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mailbox, name)

    def next(self, timeout: float | None = None) -> Message | None:
        """Return the next message, as `WorkerMailbox.next`."""
        self._gate.idle()
        message = self._mailbox.next(timeout)
        self._gate.begin()
        return message


class DurableServing(Serving):
    """Runs a durable server's callbacks, and stores its state between them.

    Args:
        server: The server.
        mailbox: Its own.
        gate: What holds what it sends.
    """

    def __init__(self, server: GenServer, mailbox: WorkerMailbox, gate: Gate) -> None:
        super().__init__(server, cast(WorkerMailbox, _Mailbox(mailbox, gate)))
        mailbox.sys_messages.answer_sys = gate.answer
        self.gate, self.real_mailbox = gate, mailbox
        self._waiting = mailbox.waiting

    def init(self, args: tuple[object, ...], kwargs: dict[str, object]) -> ExitReason | None:
        """Restore the state, or run `init` if there is none; returns and raises as `Serving.init`.

        Raises:
            StorageError: The state cannot be stored, or read.
        """
        begin_state(self, args, kwargs)
        if self._end is None:
            self._commit()
            self.gate.started()
        return self._end.reason if self._end else None

    def begin(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Run `init` for the first time."""
        super().init(args, kwargs)

    def resume(self, result: object) -> None:
        """Carry out what `resumed` returned."""
        self._carry_out("resumed", result)

    def _step(self) -> None:
        # What `Continue` does comes after the commit of the handler that returned it.
        if self._continues or self.gate.is_full or not (self._waiting or self._more_come()):
            self._commit()
        super()._step()

    def _more_come(self) -> bool:
        return self.gate.is_shared and self.real_mailbox.read_more()

    def _commit(self) -> None:
        effects = self.gate.store_changes()
        while effects:
            try:
                while effects:
                    effects.popleft()()
            except Exception as error:  # noqa: BLE001  # no handler is there any more
                tell(error)

    def _handle_rarer(self, message: Message | Continue) -> None:
        if isinstance(message, OnceCall):
            if self.gate.is_new(message):
                self._answer(message, self._server.handle_call(message.request, message))
                self.gate.applied(message)
        elif type(message) is Info:
            if message.message is not COMMIT:
                self.gate.took(message)
                super()._handle_rarer(message)
        else:
            super()._handle_rarer(message)

    def _fail(self, message: Message | Continue, error: BaseException) -> None:
        super()._fail(message, error)
        note_failure(self.gate, self._end, error)

    def _terminate(self, end: End) -> ExitReason:
        try:
            if not self.gate.is_lost:
                self._commit()
            reason = super()._terminate(end)
            if not self.gate.is_lost:
                self._commit()
        except BaseException as error:  # noqa: BLE001  # it becomes the exit reason
            self.gate.roll_back()
            reason = raised(error)
        self.gate.close()
        return reason


def begin_state(serving: Any, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    """Restore a server's state; without one, run its `init`, after which there is one."""
    gate: Gate = serving.gate
    if not gate.restore():
        serving.begin(args, kwargs)
        gate.first_commit()
    elif (resumed := getattr(serving._server, "resumed", None)) is not None:  # noqa: SLF001
        serving.resume(resumed())


def note_failure(gate: Gate, end: End | None, error: BaseException) -> None:
    """Undo the changes of the messages since the last commit, if one of them ended the server."""
    if end is not None and not isinstance(error, ShutdownRequested):
        gate.roll_back()


def tell(error: Exception) -> None:
    """Tell on stderr what sending something has raised: no handler is there any more."""
    complain(f"{type(error).__name__}: {printable(error, REASON_CHARS)}\n")
