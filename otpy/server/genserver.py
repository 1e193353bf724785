"""The GenServer behaviour: subclass it, override what you need; state is the instance."""

from collections.abc import Coroutine
from typing import Any, ClassVar, Final

from otpy.errors import UnknownRequest
from otpy.server.caller import Caller
from otpy.server.context import current
from otpy.server.dispatch import Methods, dispatch
from otpy.server.timer import TimerRef
from otpy.wire.safe_repr import short

_CALLS: Final = Methods("call")
_CASTS: Final = Methods("cast")


class GenServer:
    """A process that serves one message at a time.

    An exception in a callback ends the process (let it crash): its supervisor decides what
    follows, and every caller that waits for an answer gets `ProcessDown`. ``raise Refused(...)``
    answers the caller and the server goes on.

    Every callback may be ``async def``: then an asyncio loop (uvloop's, if that is installed)
    drives the same mailbox, still one message at a time. Tasks that the server starts run while
    a handler awaits and while it waits for messages. After `terminate` its end is told; then they
    are cancelled, and have the rest of the budget.

    Attributes:
        trap_exit: With True, `terminate` runs when the supervisor stops the process. With
            False the process ends at once then, as an Erlang process that does not trap exits.
        name: The process's path in the tree; set before `init` runs.
        instance: Its number, from 0 on, if the tree has `instances` of it, else None; set before
            `init` runs.
    """

    trap_exit: ClassVar[bool] = True
    name: str = ""
    instance: int | None = None

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """Set up the state; the arguments are the tree's `args`.

        The supervisor goes on to the next child when this returns. What it raises is a failed
        start, and `terminate` does not run.

        Returns:
            None, `Ignore`, ``Continue(x)``, ``Timeout(seconds)`` or ``Stop(reason)``, which
            is a failed start.
        """

    def handle_call(self, request: object, caller: Caller) -> object:
        """Answer a call.

        The base dispatches to the `call` methods; without one the caller gets
        `UnknownRequest` and the server goes on. So what overrides this ends with
        ``return super().handle_call(request, caller)``: a function that comes to its end without
        a ``return`` answers None, also to what it does not know.

        Returns:
            The reply; or `NoReply`, ``Reply(value, then=...)`` or ``Stop(reason, reply=...)``.
        """
        del caller
        return dispatch(self, _CALLS, request)

    def handle_cast(self, request: object) -> object:
        """Handle a cast.

        What overrides this ends with ``return super().handle_cast(request)``, so that what it does
        not know is told on stderr.

        Returns:
            None, ``Continue(x)``, ``Timeout(seconds)`` or ``Stop(reason)``.
        """
        return dispatch(self, _CASTS, request)

    def handle_info(self, message: object) -> object:
        """Handle any other message: ``"timeout"``, or one that `send_after` sent.

        Returns:
            As `handle_cast`.
        """
        raise UnknownRequest(f"{type(self).__name__} has no handler for message {short(message)}")

    def handle_continue(self, argument: object) -> object:
        """Handle the ``Continue(argument)`` that a callback returned, before any other message.

        Returns:
            As `handle_cast`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no handle_continue")

    def terminate(self, reason: str) -> Coroutine[Any, Any, None] | None:
        """Clean up: after an orderly stop or an exception, never after SIGKILL.

        Args:
            reason: The exit reason, in the words of docs/reference/exit-reasons.md.
        """

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """Hide what is secret from those who look at this server, or at why it ended.

        Args:
            status: ``state``: the attributes by name; and at its end, or when it has refused a
                message without a caller, also ``message``: the one in hand, ``reason`` and
                ``traceback``: as in the post-mortem. Copies: what is changed here is only shown.

        Returns:
            What to show. If this raises, whatever it is, nothing of all that is shown.
        """
        return status

    def send_after(self, seconds: float, message: object, *, durable: bool = False) -> TimerRef:
        """Send `message` to this server's own `handle_info` after `seconds`.

        Args:
            seconds: How long it takes, in whichever state the process is then.
            message: Any value; a durable one has to be such as can be sent to clients.
            durable: In a durable server: it is stored, and arrives once, also after restarts.

        Returns:
            What `cancel_timer` takes.

        Raises:
            OtpyError: It is to be durable, and the server is not.
        """
        return current().mailbox.send_after(seconds, message, durable=durable)

    def cancel_timer(self, timer: TimerRef) -> float | None:
        """Cancel a message that `send_after` was to send: it never arrives then.

        Returns:
            The seconds that were left, 0.0 for a message that is due; None if `handle_info` has
            had it, or if it was cancelled before.
        """
        return current().mailbox.cancel_timer(timer)
