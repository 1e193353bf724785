"""A request that is under way."""

from typing import Any, Protocol

from otpy.errors import CallTimeout, FrameTooLarge, NotSendable, OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S, TooLate, deadline_of
from otpy.links.introducer import Introducer
from otpy.links.link import Link
from otpy.links.protocol import Failure, Reply, value_of
from otpy.links.waiter import Lost, NotDelivered, Waiter

_AT_ONCE = 0.0
"""A deadline that has passed."""


class Target(Protocol):
    """The reference that a request was sent by."""

    @property
    def name(self) -> str:
        """The name of the process."""

    @property
    def node(self) -> Introducer:
        """What connects it."""

    def greeted(self, deadline: float | None, key: object = None) -> Link:
        """Return a link that counts, since the worker has greeted on it."""

    def drop(self, link: Link) -> None:
        """Do not use a link any more."""


class Pending:
    """What `Ref.send_request` returns: a request whose reply may still come.

    Its request is sent once. Only if the process ended before it had read it, it goes to the
    next incarnation, when `result` or `done` is asked. For one thread at a time.
    """

    _link: Link | None = None
    _waiter: Waiter[Reply | Failure] | None = None
    _answer: Reply | Failure | OtpyError | None = None
    _number = 0

    def __init__(
        self, ref: Target, message: object, deadline: float | None, key: object = None
    ) -> None:
        self._ref, self._message, self._key = ref, message, key
        try:
            self._send(deadline)
        except (NotSendable, FrameTooLarge):
            raise
        except OtpyError as error:
            ref.node.protocol().call(0, message)  # what cannot be sent is told in any case
            if not isinstance(error, TooLate):  # then `result` tries again
                self._answer = error

    def __repr__(self) -> str:
        return f"<Pending request to {self._ref.name}>"

    def __del__(self) -> None:
        if self._link is not None:
            self._link.forget(self._number)

    def done(self) -> bool:
        """Tell whether `result` would return, or raise what went wrong, at once."""
        try:
            self._settle(_AT_ONCE)
        except TooLate:
            return False
        return True

    def result(self, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Wait for the reply; once it is there, every time the same.

        Args:
            timeout: Seconds above zero, or None for ever.

        Raises:
            CallTimeout: No reply yet. It is not lost: `result` may be asked again.
            OtpyError: Whatever else `Ref.call` raises.
        """
        if timeout is not DEFAULT_TIMEOUT_S:
            deadline_of(timeout)  # a wrong one is told in any case
        if self._waiter is not None and self._waiter.answer is not None:
            self._answer = self._waiter.answer  # it came while another one was waited for
            self._unlinked()
        try:
            answer = self._answer or self._settle(deadline_of(timeout))
        except TooLate:
            raise CallTimeout(f"{self._ref.name!r} did not answer within {timeout:g} s") from None
        if isinstance(answer, OtpyError):
            raise answer
        return value_of(answer)

    def _send(self, deadline: float | None) -> None:
        while True:
            link = self._ref.greeted(deadline, self._key)
            try:
                self._number, self._waiter = link.begin_call(self._message, deadline)
            except NotDelivered:
                self._ref.drop(link)
            else:
                self._link = link
                return

    def _settle(self, deadline: float | None) -> Reply | Failure | OtpyError:
        while self._answer is None:
            try:
                self._answer = self._awaited(deadline)
            except NotDelivered:
                self._ref.drop(self._unlinked())
            except TooLate:
                raise
            except OtpyError as error:
                self._answer = error
        return self._answer

    def _awaited(self, deadline: float | None) -> Reply | Failure:
        if self._link is None or self._waiter is None:
            self._send(deadline)
        assert self._link is not None
        assert self._waiter is not None
        try:
            answer = self._link.finish(self._waiter, deadline)
        except NotDelivered:
            raise
        except Lost:
            link = self._unlinked()
            self._ref.drop(link)
            raise self._ref.node.down_error(link, deadline) from None
        self._unlinked()
        return answer

    def _unlinked(self) -> Link:
        assert self._link is not None
        link, self._link, self._waiter = self._link, None, None
        link.forget(self._number)
        return link
