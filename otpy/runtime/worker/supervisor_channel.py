"""The worker's end of the pipe to its supervisor: what it hears there, and what it asks.

Any thread of the worker's may ask and wait. The reader of the pipe, the mailbox or a thread that
waits, hands every answer to the thread that waits for it.
"""

import contextlib
import itertools
import os
import select
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from otpy.core.exits import Normal, reason_of
from otpy.errors import NoProcess, OtpyError
from otpy.links import messages
from otpy.links.deadline import TooLate, has_passed, poll_ms
from otpy.runtime.control_channel import WORKER, end_of_child
from otpy.server.context import current
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.locks import new_lock
from otpy.system.message_socket import MessageSocket, NotSent
from otpy.wire.control import (
    Address,
    Answered,
    DownNotification,
    Exiting,
    ExitNotification,
    Forget,
    LinkOpened,
    NodeOperation,
    NodeReply,
    NodeRequest,
)

_SUPERVISOR_S: Final = 60.0

# Of the module, and made before a worker is forked: there is one pipe a process, and what a
# worker need not make is on no page of its own.
_lock: Final = new_lock()
_tokens: Final = itertools.count(1)
_awaited: Final[dict[int, "Awaited"]] = {}

ControlAnswer: TypeAlias = Answered | LinkOpened | NodeReply

_HANDLED_HERE: Final[frozenset[type]] = frozenset(
    (ExitNotification, Answered, LinkOpened, NodeReply)
)
"""To look a class up writes to no page; to name it, as `isinstance` has it, writes to its own."""


@dataclass(slots=True)
class Awaited:
    """An answer that a thread waits for; `wake` is an eventfd, readable when it is there.

    `gave`: there were descriptors beside the question.
    """

    token: int
    wake: Descriptor
    gave: bool = False
    message: ControlAnswer | None = None
    fds: tuple[Descriptor, ...] = ()


class Control:
    """The pipe to the supervisor.

    Args:
        end: The worker's, handed over.
        received: Called with every message that is no answer, in the thread that read it.
    """

    def __init__(
        self, end: Descriptor, received: Callable[[object, tuple[Descriptor, ...]], None]
    ) -> None:
        self._channel: MessageSocket = end_of_child(end, WORKER)
        self._received = received

    def fileno(self) -> int:
        """Return the number of the descriptor that is readable when there is something to hear."""
        return self._channel.fileno()

    def read(self) -> None:
        """Read the messages that have arrived."""
        with _lock:
            alive = self._channel.receive(self._handle)
        if not alive:
            # It is dead, and the kernel is about to end this process too: at once, not with a
            # `terminate` that is cut short wherever it may be just then.
            os.kill(os.getpid(), signal.SIGKILL)

    def send(self, message: object, fds: Sequence[Descriptor] = ()) -> None:
        """Send a message that the supervisor waits for.

        Raises:
            NoProcess: It has hung up, or has not read for long.
        """
        with _lock:
            try:
                is_sent = self._channel.send(message, fds)
            except NotSent:
                raise NoProcess("the supervisor does not read") from None
            if not is_sent:
                self._channel.flush_within(_SUPERVISOR_S)

    def ask(
        self,
        sender: Address,
        operation: NodeOperation,
        deadline: float | None,
        fds: Sequence[Descriptor] = (),
    ) -> tuple[ControlAnswer, tuple[Descriptor, ...]]:
        """Ask the node, and wait for its answer and the descriptors beside it.

        Raises:
            OtpyError: What the node answered.
            TooLate: The deadline has passed.
        """
        awaited = self.begin(sender, operation, fds)
        try:
            self._await(awaited, deadline)
            return self.take(awaited)
        finally:
            self.end(awaited)

    def begin(
        self, sender: Address, operation: NodeOperation, fds: Sequence[Descriptor] = ()
    ) -> Awaited:
        """Ask the node; the caller has to `end` it."""
        try:
            operation, wake = _plain(operation), Descriptor(os.eventfd(0))
        except BaseException:
            close_all(fds)
            raise
        awaited = Awaited(next(_tokens), wake, bool(fds))
        _awaited[awaited.token] = awaited
        try:
            self.send(NodeRequest(awaited.token, sender, operation), fds)
        except BaseException:
            self.end(awaited)
            raise
        return awaited

    def take(self, awaited: Awaited) -> tuple[ControlAnswer, tuple[Descriptor, ...]]:
        """Return an answer that has arrived; raise the error that it is."""
        assert awaited.message is not None
        if not isinstance(awaited.message, LinkOpened) and isinstance(
            awaited.message.answer, OtpyError
        ):
            awaited.message.answer.remote = True
            raise awaited.message.answer
        fds, awaited.fds = awaited.fds, ()
        return awaited.message, fds

    def end(self, awaited: Awaited) -> None:
        """End the wait; close the descriptors of an answer that was not taken."""
        with _lock:  # a thread that hands the answer over is not to find it closed
            del _awaited[awaited.token]
            if awaited.gave and awaited.message is None:
                with contextlib.suppress(NotSent):
                    self._channel.send(Forget(awaited.token))
        awaited.wake.close()
        close_all(awaited.fds)

    def close(self) -> None:
        """Close it: this is a process that the worker forked."""
        self._channel.close()
        if _lock.locked():
            _lock.release()  # by a thread that did not come along

    def _await(self, awaited: Awaited, deadline: float | None) -> None:
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(awaited.wake, select.POLLIN)
        while awaited.message is None:
            if not poll.poll(poll_ms(deadline)) and has_passed(deadline):
                raise TooLate
            self.read()

    def _exit_with_linked(self, request: ExitNotification) -> None:
        """Go along with a linked process, since this one does not trap exits.

        Mostly the supervisor sees to that; but before this one is up, it does not know.
        """
        if isinstance(reason := reason_of(request.reason), Normal):
            return
        with contextlib.suppress(NotSent):
            self._channel.send(Exiting(reason))
            self._channel.flush_within(_SUPERVISOR_S)
        os._exit(1)

    def _handle(self, message: object, fds: tuple[Descriptor, ...]) -> None:
        if type(message) not in _HANDLED_HERE:
            self._received(message, fds)
            return
        if isinstance(message, ExitNotification):
            if current().trap_exit:
                self._received(message, fds)
            else:
                self._exit_with_linked(message)
            return
        assert isinstance(message, ControlAnswer)
        awaited = _awaited.get(message.token)
        if awaited is None:
            close_all(fds)  # too late
            return
        awaited.message, awaited.fds = message, fds
        os.eventfd_write(awaited.wake.fileno(), 1)


def public_notification(
    notification: DownNotification | ExitNotification,
) -> messages.Down | messages.Exit:
    """Return the message of a process's end as users get it."""
    path, incarnation = notification.address
    if isinstance(notification, DownNotification):
        return messages.Down(notification.number, path, incarnation, notification.reason)
    return messages.Exit(path, incarnation, notification.reason)


def _plain(operation: NodeOperation) -> NodeOperation:
    """Keep what is no name, or is of a class of the user's, from processes that do not know it."""
    name = getattr(operation, "name", "")
    if type(name) is str:
        return operation
    if not isinstance(name, str):
        raise TypeError(f"a process is named by a string, got {name!r:.100}")
    return operation._replace(name=str.__str__(name))  # type: ignore[call-arg]
