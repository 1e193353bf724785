"""The process that this code runs in, when it is a worker of a tree."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from otpy.errors import OtpyError
from otpy.server.caller import Caller
from otpy.server.timer import TimerRef

if TYPE_CHECKING:
    from otpy.server.peers import Peers

_monitors: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Call:
    """A call, as `receive` gives it to a function: answer with ``caller.reply(value)``.

    Equal to another one if it is the same call.
    """

    request: object = field(compare=False)
    caller: Caller


class Mailbox(Protocol):
    """Protocol of a worker's mailbox."""

    def send_after(self, seconds: float, message: object, *, durable: bool = False) -> TimerRef:
        """Put `message` into this mailbox after `seconds`, or into its successor's."""

    def cancel_timer(self, timer: TimerRef) -> float | None:
        """Cancel such a message, and return the seconds left; None if it has been taken."""

    def receive(self, timeout: float | None) -> object:
        """Return the next message; raises TimeoutError."""

    def reply(self, link: int, number: int, value: object) -> None:
        """Answer a call that came on a link of this process's."""

    def flush(self) -> None:
        """Wait until every answered caller has read it, or has gone."""

    def give_sign_of_life(self) -> None:
        """Begin the time of the watchdog anew."""

    def announce(self) -> None:
        """Tell the supervisor that this process is ready."""

    def when_deserted(self, do: Callable[[], object]) -> None:
        """Call `do` whenever the last process that had a link to this one has hung up."""

    def drop(self, unwanted: Callable[[object], bool]) -> None:
        """Remove messages for `handle_info` that have arrived and were not handled."""

    def close_all(self) -> None:
        """Close everything: this is a process that the worker forked."""


class Context:
    """The facts of this worker.

    Args:
        name: Its path.
        incarnation: Which one it is.
        mailbox: Its own.
        peers: Makes what it reaches the others by; many a worker never does.

    Attributes:
        trap_exit: Whether the death of a linked process arrives as a message.
        starting: Whether it is in its init, which its supervisor waits for.
    """

    __slots__ = ("_make_peers", "_peers", "incarnation", "mailbox", "name", "starting", "trap_exit")

    def __init__(
        self, name: str, incarnation: int, mailbox: Mailbox, peers: Callable[[], "Peers"]
    ) -> None:
        self.name, self.incarnation, self.mailbox = name, incarnation, mailbox
        self.trap_exit = False
        self.starting = True
        self._make_peers = peers
        self._peers: Peers | None = None

    def reach_by(self, peers: Callable[[], "Peers"]) -> None:
        """Have the others be reached by what this makes."""
        self._make_peers = peers

    @property
    def peers(self) -> "Peers":
        """The other workers of the tree."""
        if self._peers is None:
            self._peers = self._make_peers()
        return self._peers

    def abandon(self) -> None:
        """Close everything: this is a process that the worker forked."""
        self.mailbox.close_all()
        if self._peers is not None:
            self._peers.abandon()


_contexts: list[Context] = []


def enter(context: Context) -> None:
    """Set which worker this process is; called once, right after the fork."""
    _contexts[:] = [context]


def leave() -> None:
    """Mark this process as no worker: one that a worker forked."""
    if _contexts:
        _contexts.pop().abandon()


def current() -> Context:
    """Return which worker this process is.

    Raises:
        OtpyError: It is not a worker of a tree.
    """
    for context in _contexts:
        return context
    raise OtpyError("this process is not a worker of an otpy tree")


def receive(timeout: float | None = None) -> object:
    """Return the next message of a function worker's mailbox, oldest first.

    Args:
        timeout: Longest wait in seconds; None waits for ever.

    Returns:
        What was cast, or a `Call` to answer.

    Raises:
        TimeoutError: Nothing came.
        OtpyError: This process is not a worker of a tree.
    """
    return current().mailbox.receive(timeout)


def peers() -> "Peers":
    """Return the worker's `Peers`; raises as `current`."""
    return current().peers


def next_monitor() -> int:
    """Return the number of a monitor that no other of this process is taken for."""
    return next(_monitors)
