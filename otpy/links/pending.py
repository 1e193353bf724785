# Generated from otpy/aio/links/pending.py by scripts/generate_blocking.py; do not edit.

"""A request whose reply may still come."""

from typing import Any

from otpy.errors import OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S, TooLate, deadline_of, within
from otpy.links.link import Link
from otpy.links.pending_answer import PendingAnswer, Target
from otpy.links.protocol import value_of
from otpy.links.waiter import Lost, NotDelivered


class Pending(PendingAnswer):
    """A request whose reply may still come; returned by `Ref.send_request`.

    Its request is sent once. Only if the process ended before it had read it, it goes to the
    next incarnation, when `result` is asked. For one thread at a time.
    """

    def __init__(self, ref: Target, message: object, key: object = None) -> None:
        self._ref, self._message, self._key = ref, message, key

    def __repr__(self) -> str:
        return f"<Pending request to {self._ref.name}>"

    def result(self, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Wait for the reply and return it; later calls return it again.

        Args:
            timeout: Seconds above zero, or None for ever.

        Raises:
            CallTimeout: No reply yet. It is not lost: `result` may be asked again.
            OtpyError: Whatever else `Ref.call` raises.
        """
        if timeout is not DEFAULT_TIMEOUT_S:
            deadline_of(timeout)  # a wrong one is an error in any case
        if not self._has_come():
            with within(timeout, f"{self._ref.name!r} did not answer") as deadline:
                lost = self._settle(deadline)
            if lost is not None:
                self._learn_why(lost, deadline)
        answer = self._answer
        assert answer is not None
        if isinstance(answer, OtpyError):
            raise answer
        return value_of(answer)

    def _sent_link(self, deadline: float | None) -> Link:
        while True:
            link = self._ref._ready_link(deadline, self._key)
            try:
                self._number, self._waiter = link.begin_call(self._message, deadline)
            except NotDelivered:
                self._ref._drop(link)
            else:
                self._link = link
                return link

    def _settle(self, deadline: float | None) -> Link | None:
        """Wait for the answer; return the link if it ended before there was one."""
        while self._answer is None:
            link = self._link
            try:
                if link is None:
                    link = self._sent_link(deadline)
                self._answer = link.finish(self._waiter, deadline)
                self._unlinked()
            except NotDelivered:
                self._ref._drop(self._unlinked())
            except Lost:
                link = self._unlinked()
                self._ref._drop(link)
                return link
            except TooLate:
                raise
            except OtpyError as error:
                self._answer = error
        return None

    def _learn_why(self, lost: Link, deadline: float | None) -> None:
        """Note why there is no answer: a request that was read is never sent again."""
        try:
            self._answer = self._ref._node._down_error(lost, deadline)
        except OtpyError as error:
            self._answer = error
