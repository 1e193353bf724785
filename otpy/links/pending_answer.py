"""The answer to a request that is under way, written by hand: it is on the hot path."""

from typing import TYPE_CHECKING

from otpy.errors import OtpyError
from otpy.links.deadline import TooLate
from otpy.links.link import Link
from otpy.links.protocol import Failure, Reply
from otpy.links.waiter import Waiter

_AT_ONCE = 0.0
"""A deadline that has passed."""


class PendingAnswer:
    """The part of a `Pending` that looks whether its answer is there."""

    _link: Link | None = None
    _waiter: Waiter[Reply | Failure]
    _answer: Reply | Failure | OtpyError | None = None
    _number = 0

    if TYPE_CHECKING:

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
