"""The answer to a request that is under way; by hand, as its blocking twin."""

from otpy.aio.links.connection import Waiter
from otpy.aio.links.link import Link
from otpy.errors import OtpyError
from otpy.links.protocol import Failure, Reply
from otpy.links.waiter import NotDelivered


class PendingAnswer:
    """The part of a `Pending` that looks whether its answer is there."""

    _link: Link | None = None
    _waiter: Waiter[Reply | Failure]
    _answer: Reply | Failure | OtpyError | None = None
    _number = 0

    def __del__(self) -> None:
        if self._link is not None:
            self._unlinked()

    def done(self) -> bool:
        """Return whether the answer is there, or that none will come."""
        if self._answer is not None:
            return True
        if self._link is None or not self._waiter.outcome.done():
            return False
        return not isinstance(self._waiter.outcome.result(), NotDelivered)

    def _has_come(self) -> bool:
        return self._answer is not None

    def _unlinked(self) -> Link:
        assert self._link is not None
        link, self._link = self._link, None
        link.forget(self._number)
        return link
