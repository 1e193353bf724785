"""A GenServer at work: one message after the other, until it stops (gen_server.erl, ``loop``)."""

from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutine
from typing import Any, Final

from otpy.core.exits import ExitReason, Raised, is_clean
from otpy.errors import OtpyError, Refused, UnknownRequest
from otpy.runtime.exit_reasons import exit_reason, raised, reworded
from otpy.runtime.worker.connections import Cast, Info, LinkCall
from otpy.runtime.worker.introspection import answer, formatted, hides
from otpy.runtime.worker.mailbox import Message, WorkerMailbox
from otpy.runtime.worker.stop_requests import ShutdownRequested
from otpy.server.genserver import GenServer
from otpy.server.results import Continue, Ignore, NoReply, Reply, Stop, Timeout
from otpy.system.std_streams import complain
from otpy.wire.codec import printable
from otpy.wire.safe_repr import MESSAGE_CHARS, REASON_CHARS, short

_RESULTS: Final = (Reply, Stop, Continue, Timeout)
"""The types that a `handle_call` may return, rightly or not, that are no reply."""

_PLAIN: Final = frozenset({int, str, bool, float, bytes, tuple, list, dict, type(None)})
"""The most common types of a reply."""


class NotNeeded(Exception):
    """Init returned `Ignore`."""


class NeedsLoop(BaseException):
    """A callback of a server that seemed to be plain returned a coroutine, which has not begun."""

    def __init__(self, coroutine: Coroutine[Any, Any, object]) -> None:
        super().__init__()
        self.coroutine = coroutine


@dataclass(frozen=True, slots=True)
class End:
    """The server is to end."""

    reason: ExitReason
    reply: object = NoReply
    caller: LinkCall | None = None


def ending(error: BaseException) -> ExitReason:
    """Return why a server ends: it was asked to, or an exception was not caught."""
    return error.reason if isinstance(error, ShutdownRequested) else raised(error)


class Serving:
    """Runs a server's callbacks and carries out what they return."""

    def __init__(self, server: GenServer, mailbox: WorkerMailbox) -> None:
        self._server, self._mailbox = server, mailbox
        self._continues: list[object] = []
        self._idle_s: float | None = None
        self._end: End | None = None
        self._hand: Message | Continue | None = None
        mailbox.sys_messages.answer_sys = partial(answer, server)

    def init(self, args: tuple[object, ...], kwargs: dict[str, object]) -> ExitReason | None:
        """Run `init`; return why it stopped the server, None if it did not.

        Raises:
            NotNeeded: It returned `Ignore`.
            NeedsLoop: It returned a coroutine.
            BaseException: Whatever it raised.
        """
        result = self._server.init(*args, **kwargs)
        if result is Ignore:
            raise NotNeeded
        if result is not None:
            self._carry_out("init", result)
        return self._end.reason if self._end else None

    def report(self, reason: ExitReason) -> tuple[ExitReason, str]:
        """Return why the server ended, and with which message in hand, shortened.

        After a clean end there is none: nothing went wrong with it.

        What the server's `format_status` hides is not in it.
        """
        kind, content = self._in_hand()
        if hides(self._server):
            trace = reason.traceback if isinstance(reason, Raised) else ""
            told = self._formatted(content, str(reason), trace)
            content, reason = told["message"], reworded(reason, told["reason"], told["traceback"])
        return reason, f"{kind} {short(content)}" if kind and not is_clean(reason) else ""

    def _formatted(self, message: object, reason: str, trace: str) -> dict[str, Any]:
        status = {"message": message, "reason": reason, "traceback": trace}
        return formatted(self._server, status)

    def _in_hand(self) -> tuple[str, object]:
        match self._hand:
            case LinkCall(request=request):
                return "call", request
            case Cast(request=request):
                return "cast", request
            case Info(message=content):
                return "info", content
            case Continue(argument=argument):
                return "continue", argument
            case None:
                return "", None

    def serve(self) -> ExitReason:
        """Serve until the server stops, crashes or is asked to stop; `terminate` has run then.

        Raises:
            NeedsLoop: A callback returned a coroutine. The message is in hand.
        """
        while self._end is None:
            try:
                self._step()
            except NeedsLoop:
                raise
            except BaseException as error:  # noqa: BLE001  # a signal handler's, while it waits
                self._end = End(ending(error))
        return self._terminate(self._end)

    def _step(self) -> None:
        # All messages come this way: the commonest kinds and results first, few steps for each.
        message: Message | Continue
        if self._continues:
            message = Continue(self._continues.pop())
        else:
            message = self._mailbox.next(self._idle_s) or self._mailbox.timed_out()
            self._idle_s = None
        self._hand = message
        server = self._server
        try:
            if type(message) is LinkCall:
                result = server.handle_call(message.request, message)
                if type(result) in _PLAIN:
                    message.reply(result)
                else:
                    self._answer(message, result)
            elif type(message) is Cast:
                if (result := server.handle_cast(message.request)) is not None:
                    self._carry_out("handle_cast", result)
            else:
                self._handle_rarer(message)
        except NeedsLoop:
            raise
        except BaseException as error:  # noqa: BLE001  # let it crash, but say why
            self._fail(message, error)
        else:
            if self._end is None:
                self._hand = None

    def _fail(self, message: Message | Continue, error: BaseException) -> None:
        """Deal with what a callback raised: its own refusal answers, anything else ends it."""
        if isinstance(error, Refused | UnknownRequest) and not error.remote:
            self._refuse(message, error)
        else:
            self._end = End(ending(error))

    def _handle_rarer(self, message: Message | Continue) -> None:
        if type(message) is Info:
            self._carry_out("handle_info", self._server.handle_info(message.message))
        else:
            assert type(message) is Continue
            self._carry_out("handle_continue", self._server.handle_continue(message.argument))

    def _refuse(self, message: Message | Continue, error: OtpyError) -> None:
        if isinstance(message, LinkCall):
            message.refuse(error)
        else:
            complain(f"{self._refusal(error)}\n")

    def _refusal(self, error: OtpyError) -> str:
        """Return the text of an error that no caller gets, without what `format_status` hides."""
        text = f"{type(error).__name__}: {printable(error, REASON_CHARS)}"
        if not hides(self._server):
            return text
        kind, content = self._in_hand()
        told = self._formatted(content, text, "")
        if type(error) is UnknownRequest:  # its text has the message in it
            name = type(self._server).__name__
            return f"UnknownRequest: {name} has no handler for {kind} {short(told['message'])}"
        return printable(told["reason"], REASON_CHARS)

    def _answer(self, caller: LinkCall, result: object) -> None:
        if not isinstance(result, _RESULTS) and result is not NoReply:
            if iscoroutine(result):
                raise NeedsLoop(result)
            caller.reply(result)
            return
        match result:
            case Reply(value=value, then=then):
                caller.reply(value)
                self._carry_out("handle_call", then)
            case Stop(reason=reason, reply=reply):
                self._end = End(exit_reason(reason), reply, caller)
            case Continue() | Timeout():
                raise TypeError(
                    f"handle_call returned {result!r:.{MESSAGE_CHARS}}, expected a "
                    "reply, NoReply, Stop or Reply(value, then=...)"
                )

    def _carry_out(self, name: str, result: object) -> None:
        match result:
            case None:
                pass
            case Continue(argument=argument):
                self._continues.append(argument)
            case Timeout(seconds=seconds):
                self._idle_s = seconds
            case Stop(reason=reason):
                self._end = End(exit_reason(reason))
            case _:
                if iscoroutine(result):
                    raise NeedsLoop(result)
                raise TypeError(
                    f"{name} returned {result!r:.{MESSAGE_CHARS}}, expected None, Continue, "
                    "Timeout or Stop"
                )

    def _terminate(self, end: End) -> ExitReason:
        reason = end.reason
        try:
            result = self._server.terminate(str(reason))
            if iscoroutine(result):
                # asyncio is on many pages that other workers do without.
                from otpy.runtime.worker.event_loop import EventLoop  # noqa: PLC0415

                EventLoop().run(result)
        except BaseException as error:  # noqa: BLE001  # it becomes the exit reason, as in OTP
            reason = raised(error)
        self._answer_last(end)
        return reason

    def _answer_last(self, end: End) -> None:
        if end.caller is not None and end.reply is not NoReply:
            end.caller.reply(end.reply)
