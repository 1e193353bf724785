"""The process that this code runs in, when it is a worker of a tree."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from otpy.errors import OtpyError
from otpy.links.ref import Ref
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

    def reply(self, link: int, number: int, value: object) -> None:
        """Answer a call that came on a link of this process's."""


class Peers(Protocol):
    """The other workers of the tree."""

    def __getitem__(self, name: str) -> Ref:
        """Return the reference to a process by its name."""

    def cast(self, name: str, message: object, timeout: float | None, key: object) -> None:
        """Send a request that has no answer, to oneself, too."""

    def whereis(self, name: str, timeout: float | None) -> int | None:
        """Tell the pid of a process that runs; None if there is no such process."""

    def reply_for(
        self, server: str, incarnation: int, link: int, number: int, value: object
    ) -> None:
        """Answer a call that was made to `server`, by way of it."""

    def abandon(self) -> None:
        """Close every link: this is a process that the worker forked."""


class Context(NamedTuple):
    """Who this worker is."""

    name: str
    incarnation: int
    mailbox: Mailbox
    peers: Peers


_contexts: list[Context] = []


def enter(context: Context) -> None:
    """Say who this process is; called once, right after the fork."""
    _contexts[:] = [context]


def leave() -> None:
    """Say that this process is no worker: one that a worker forked."""
    if _contexts:
        _contexts.pop().peers.abandon()


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
