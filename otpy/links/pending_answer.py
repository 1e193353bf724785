"""The answer to a request that is under way, written by hand: it is on the hot path."""

from typing import TYPE_CHECKING, Protocol

from otpy.errors import FrameTooLarge, NotSendable, OtpyError
from otpy.links.deadline import TooLate, deadline_of
from otpy.links.link import Link
from otpy.links.link_resolver import LinkResolver
from otpy.links.protocol import Failure, Reply
from otpy.links.waiter import Waiter

_AT_ONCE = 0.0
"""A deadline that has passed."""


class Target(Protocol):
    """The reference that a request was sent by."""

    @property
    def name(self) -> str:
        """The name of the process."""

    @property
    def _node(self) -> LinkResolver:
        """The object that opens its links."""

    def _ready_link(self, deadline: float | None, key: object = None) -> Link:
        """Return a link on which the worker's hello has arrived."""

    def _drop(self, link: Link) -> None:
        """Do not use a link any more."""


class PendingAnswer:
    """The part of a `Pending` that looks whether its answer is there."""

    _link: Link | None = None
    _waiter: Waiter[Reply | Failure]
    _answer: Reply | Failure | OtpyError | None = None
    _number = 0
    _ref: Target
    _message: object

    if TYPE_CHECKING:

        def _sent_link(self, deadline: float | None) -> Link:
            """As `Pending._sent_link`."""

        def _settle(self, deadline: float | None) -> Link | None:
            """As `Pending._settle`."""

        def _learn_why(self, lost: Link, deadline: float | None) -> None: ...

    def __del__(self) -> None:
        if self._link is not None:
            self._link.forget(self._number)

    def done(self) -> bool:
        """Return whether `result` would return, or raise what went wrong, at once."""
        try:
            lost = self._settle(_AT_ONCE)
        except TooLate:
            return False
        if lost is not None:
            self._learn_why(lost, _AT_ONCE)
        return True

    def _send(self, timeout: float | None) -> None:
        """Send it; errors of the process are raised by `result`.

        Raises:
            NotSendable: MessagePack cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        deadline = deadline_of(timeout)
        try:
            self._sent_link(deadline)
        except (NotSendable, FrameTooLarge):
            raise
        except OtpyError as error:
            # What cannot be sent is told in any case.
            self._ref._node._protocol().call(0, self._message)
            if not isinstance(error, TooLate):  # then `result` tries again
                self._answer = error

    def _has_come(self) -> bool:
        if self._link is not None and self._waiter.answer is not None:
            self._answer = self._waiter.answer  # it came while another one was waited for
            self._unlinked()
        return self._answer is not None

    def _unlinked(self) -> Link:
        assert self._link is not None
        link, self._link = self._link, None
        link.forget(self._number)
        return link
