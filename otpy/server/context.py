"""The process that this code runs in, when it is a worker of a tree."""

from dataclasses import dataclass
from typing import Protocol

from otpy.errors import OtpyError
from otpy.server.caller import Caller
from otpy.server.timer import TimerRef


@dataclass(frozen=True, slots=True)
class Call:
    """A call, as `receive` gives it to a function: answer with ``caller.reply(value)``."""

    request: object
    caller: Caller


class Mailbox(Protocol):
    """Where a worker's messages arrive."""

    def send_after(self, seconds: float, message: object) -> TimerRef:
        """Put `message` into this mailbox after `seconds`."""

    def cancel_timer(self, timer: TimerRef) -> float | None:
        """Take such a message back, and tell the seconds left; None if it has been taken."""

    def receive(self, timeout: float | None) -> object:
        """Take the next message; raises TimeoutError."""


@dataclass(frozen=True, slots=True)
class Context:
    """Who this worker is."""

    name: str
    incarnation: int
    mailbox: Mailbox


_contexts: list[Context] = []


def enter(context: Context) -> None:
    """Say who this process is; called once, right after the fork."""
    _contexts[:] = [context]


def current() -> Context:
    """Tell who this process is.

    Raises:
        OtpyError: It is not a worker of a tree.
    """
    if not _contexts:
        raise OtpyError("this process is not a worker of an otpy tree")
    return _contexts[0]


def receive(timeout: float | None = None) -> object:
    """Take the next message of a function worker's mailbox, oldest first.

    Args:
        timeout: Longest wait in seconds; None waits for ever.

    Returns:
        What was cast, or a `Call` to answer.

    Raises:
        TimeoutError: Nothing came.
        OtpyError: This process is not a worker of a tree.
    """
    return current().mailbox.receive(timeout)
