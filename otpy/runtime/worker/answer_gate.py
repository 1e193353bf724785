"""What the mailbox of a durable server asks of its gate; see `otpy.runtime.worker.durable.gate`."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from otpy.links.outgoing import Outgoing
from otpy.server.timer import TimerRef

Effect: TypeAlias = Callable[[], Awaitable[object] | object]
"""Sends something, or returns what is to be awaited for it."""

Answer: TypeAlias = tuple[Outgoing, bytes]
"""The frame of an answer, and where it is to be sent."""


class AnswerGate(Protocol):
    """Holds what a durable server sends until its changes are stored."""

    def hold(self, effect: Effect | Answer) -> None:
        """Keep an effect until the next commit."""

    def unanswered(self, link: Any, number: int) -> Any:
        """Return the call of that number on a link, if it is one that is applied once."""

    def answered(self, call: Any, answer: bytes) -> None:
        """Keep the answer to a call, and give it to those that have repeated it meanwhile."""

    def start_timer(self, seconds: float, message: object) -> TimerRef:
        """Send a message to the server itself later, in whichever incarnation."""

    def took(self, message: Any) -> None:
        """Note that a message is handled, or cancelled; a timer's is stored no more."""
