"""The answer to a request that is under way; by hand, as its blocking twin."""

from typing import TYPE_CHECKING, Protocol

from otpy.aio.links.connection import Waiter
from otpy.aio.links.deadline import within
from otpy.aio.links.link import Link
from otpy.aio.links.link_resolver import LinkResolver
from otpy.errors import CallTimeout, FrameTooLarge, NotSendable, OtpyError
from otpy.links.protocol import Failure, Reply
from otpy.links.waiter import NotDelivered


class Target(Protocol):
    """The reference that a request was sent by."""

    @property
    def name(self) -> str:
        """The name of the process."""

    @property
    def _node(self) -> LinkResolver:
        """The object that opens its links."""

    async def _ready_link(self, deadline: float | None, key: object = None) -> Link:
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

        async def _sent_link(self, deadline: float | None) -> Link:
            """As `Pending._sent_link`."""

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

    async def _send(self, timeout: float | None) -> None:
        """Send it; errors of the process are raised by `result`.

        Raises:
            NotSendable: MessagePack cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        try:
            async with within(timeout, "") as deadline:
                await self._sent_link(deadline)
        except (NotSendable, FrameTooLarge):
            raise
        except OtpyError as error:
            # What cannot be sent is told in any case.
            self._ref._node._protocol().call(0, self._message)
            if not isinstance(error, CallTimeout):  # then `result` tries again
                self._answer = error

    def _has_come(self) -> bool:
        return self._answer is not None

    def _unlinked(self) -> Link:
        assert self._link is not None
        link, self._link = self._link, None
        link.forget(self._number)
        return link
