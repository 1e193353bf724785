"""A request that is under way, for asyncio."""

from typing import Any, Protocol

from otpy.aio.links.connection import Waiter
from otpy.aio.links.deadline import within
from otpy.aio.links.introducer import Introducer
from otpy.aio.links.link import Link
from otpy.errors import CallTimeout, FrameTooLarge, NotSendable, OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.protocol import Failure, Reply, value_of
from otpy.links.waiter import Lost, NotDelivered


class Target(Protocol):
    """The reference that a request was sent by."""

    @property
    def name(self) -> str:
        """The name of the process."""

    @property
    def node(self) -> Introducer:
        """What connects it."""

    async def greeted(self, deadline: float | None, key: object = None) -> Link:
        """Return a link that counts, since the worker has greeted on it."""

    def drop(self, link: Link) -> None:
        """Do not use a link any more."""


class Pending:
    """What `Ref.send_request` returns: a request whose reply may still come.

    Its request is sent once. Only if the process ended before it had read it, it goes to the
    next incarnation, when `result` is awaited. For one task at a time.
    """

    def __init__(self, ref: Target, message: object, key: object) -> None:
        self._ref, self._message, self._key = ref, message, key
        self._link: Link | None = None
        self._number = 0
        self._waiter: Waiter[Reply | Failure] | None = None
        self._answer: Reply | Failure | OtpyError | None = None

    def __repr__(self) -> str:
        return f"<Pending request to {self._ref.name}>"

    def __del__(self) -> None:
        if getattr(self, "_link", None) is not None:
            self._unlinked()

    def done(self) -> bool:
        """Tell whether the answer is there, or that none will come."""
        if self._answer is not None:
            return True
        if self._waiter is None or not self._waiter.outcome.done():
            return False
        return not isinstance(self._waiter.outcome.result(), NotDelivered)

    async def result(self, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Wait for the reply; once it is there, every time the same.

        Args:
            timeout: Seconds above zero, or None for ever.

        Raises:
            CallTimeout: No reply yet. It is not lost: `result` may be awaited again.
            OtpyError: Whatever else `Ref.call` raises.
        """
        if self._answer is None:
            async with within(timeout, f"{self._ref.name!r} did not answer") as deadline:
                lost = await self._settle(deadline)
            if lost is not None:
                self._answer = await self._ref.node.down_error(lost, deadline)
        answer = self._answer
        assert answer is not None
        if isinstance(answer, OtpyError):
            raise answer
        return value_of(answer)

    async def send(self, timeout: float | None) -> None:
        """Send it; what goes wrong with the process is told by `result`.

        Raises:
            NotSendable: MessagePack cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        try:
            async with within(timeout, "") as deadline:
                await self._send(deadline)
        except (NotSendable, FrameTooLarge):
            raise
        except OtpyError as error:
            # What cannot be sent is told in any case.
            self._ref.node.protocol().call(0, self._message)
            if not isinstance(error, CallTimeout):  # then `result` tries again
                self._answer = error

    async def _send(self, deadline: float | None) -> tuple[Link, Waiter[Reply | Failure]]:
        while True:
            link = await self._ref.greeted(deadline, self._key)
            try:
                self._number, self._waiter = await link.begin_call(self._message)
            except NotDelivered:
                self._ref.drop(link)
            else:
                self._link = link
                return link, self._waiter

    async def _settle(self, deadline: float | None) -> Link | None:
        """Wait for the answer; return the link if it ended before there was one."""
        while self._answer is None:
            link, waiter = self._link, self._waiter
            try:
                if link is None or waiter is None:
                    link, waiter = await self._send(deadline)
                self._answer = await link.finish(waiter)
                self._unlinked()
            except NotDelivered:
                self._ref.drop(self._unlinked())
            except Lost:
                self._ref.drop(self._unlinked())
                return link
            except OtpyError as error:
                self._answer = error
        return None

    def _unlinked(self) -> Link:
        assert self._link is not None
        link, self._link, self._waiter = self._link, None, None
        link.forget(self._number)
        return link
