"""A reference to a process by name, on an event loop: it survives the process's restarts."""

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

from otpy.aio.links.deadline import within
from otpy.aio.links.instances import RefPool
from otpy.aio.links.introducer import Introducer
from otpy.aio.links.link import Link
from otpy.aio.links.pending import Pending
from otpy.aio.links.sys_calls import SystemCalls
from otpy.errors import (
    CallTimeout,
    FrameTooLarge,
    NodeNotFound,
    NoProcess,
    NotSendable,
    OtpyError,
    ProcessDown,
    ProtocolError,
    SeveralInstances,
)
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.protocol import value_of
from otpy.links.ref import GROUP, STRANGERS
from otpy.links.waiter import Lost, NotDelivered
from otpy.wire.frames import Frame


class Ref(SystemCalls):
    """A process, by its name. Any number of tasks of one event loop may use it."""

    def __init__(self, node: Introducer, name: str) -> None:
        self.name = name
        self.node: Introducer = node
        self._link: Link | None = None
        self._pool: RefPool[Ref] | None = None
        self._resolving = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Ref {self.name} of {self.node.name}>"

    @property
    def link(self) -> Link | None:
        """The link to the process, if there is one; it may have ended."""
        return self._link

    @property
    def under_way(self) -> int:
        """How many requests of this client are under way there."""
        return 0 if self._link is None else self._link.under_way

    async def call(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> Any:
        """Send a request and wait for the reply; as `otpy.Ref.call`.

        Cancelled, it leaves the server to its work; the late reply is dropped.
        """
        message = (request, *args) if args else request
        lost: Link
        async with within(timeout, f"{self.name!r} did not answer") as deadline:
            while True:
                link = await self.greeted(deadline, key)
                try:
                    return value_of(await link.call(message))
                except NotDelivered:
                    self.drop(link)
                except Lost:
                    self.drop(link)
                    lost = link
                    break
        raise await self.node.down_error(lost, deadline)

    async def send_request(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> Pending:
        """Send a request, and go on; any number may be under way. As `otpy.Ref.send_request`.

        Returns:
            What has the reply once it came: ``await pending.result(timeout=)``, ``.done()``.
        """
        message = (request, *args) if args else request
        pending = Pending(self, message, key)
        await pending.send(timeout)
        return pending

    async def cast(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Send a request that has no answer; as `otpy.Ref.cast`."""
        message = (request, *args) if args else request
        async with within(timeout, f"{self.name!r} took no messages") as deadline:
            await self._cast(message, deadline, key, many=False)

    async def cast_many(
        self,
        requests: Iterable[object],
        *,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Cast each of `requests` in turn, many to a write; as `otpy.Ref.cast_many`."""
        rest = iter(requests)
        async with within(timeout, f"{self.name!r} took no messages") as deadline:
            while group := list(itertools.islice(rest, GROUP)):
                try:
                    await self._cast(group, deadline, key, many=True)
                except (NotSendable, FrameTooLarge):
                    for message in group:
                        await self._cast(message, deadline, key, many=False)

    async def _cast(self, what: Any, deadline: float | None, key: object, *, many: bool) -> None:
        while True:
            link = self._known(key)
            if link is None or not link.open:
                # What cannot be sent is told in any case.
                protocol = self.node.protocol()
                protocol.casts(what) if many else protocol.cast(what)
                link = await self._introduced_if_up(deadline, key)
                if link is None:
                    return
            try:
                await (link.cast_many(what) if many else link.cast(what))
            except NotDelivered:
                self.drop(link)
            else:
                return

    # --- for the rest of this package --------------------------------------------------------

    async def greeted(self, deadline: float | None, key: object = None) -> Link:
        """Return a link that counts, since the worker has greeted on it."""
        link = self._known(key)
        if link is not None and link.open and link.greeted_by is not None:
            return link
        target = await self._target(deadline, key)
        return await target._greeted_alone(deadline)  # noqa: SLF001  # of this class

    async def post(self, incarnation: int, data: Frame, timeout: float | None) -> bool:
        """Send a frame to one incarnation of the process; False if that is gone, or takes none.

        The greeting is not waited for: a busy worker greets when it is done.
        """
        try:
            async with within(timeout, f"{self.name!r} took no messages"):
                link = await self.introduced(None)
                if link.incarnation != incarnation:
                    return False
                await link.post(data)
        except (OtpyError, OSError):
            return False
        return True

    def drop(self, link: Link) -> None:
        """Do not use a link any more."""
        link.retire()
        if self._link is link:
            self._link = None

    def abandon(self) -> None:
        """Forget the link: to be called in the child after a fork."""
        self._link = self._pool = None

    def _known(self, key: object) -> Link | None:
        if self._link is None and self._pool is not None and not self._pool.has_to_ask(key):
            return self._pool.choose(key).link
        return self._link

    async def _target(self, deadline: float | None, key: object) -> "Ref":
        """Return the instance to send to, or this very reference if there are no instances."""
        try:
            await self.introduced(deadline)
        except SeveralInstances as several:
            pool = self._pool
            if pool is None or (pool.path, len(pool)) != (several.path, several.count):
                paths = (f"{several.path}/{number}" for number in range(several.count))
                pool = RefPool(several.path, [Ref(self.node, path) for path in paths])
                self._pool = pool
            pool.heard(several.loads)
            return await pool.choose_running(key)
        self._pool = None
        return self

    async def _greeted_alone(self, deadline: float | None) -> Link:
        for _ in range(STRANGERS):
            link = await self.introduced(deadline)
            while not await link.await_greeting():
                self.drop(link)
                link = await self.introduced(deadline)
            if link.greeted_by == link.incarnation:
                return link
            self.drop(link)
        raise ProtocolError(
            f"{self.name!r} greets as incarnation {link.greeted_by}, "
            f"but the gateway knows incarnation {link.incarnation}"
        )

    async def introduced(self, deadline: float | None) -> Link:
        """Return an open link; the worker may not have greeted yet."""
        async with self._resolving:
            if self._link is None or not self._link.open:
                self._link = await self.node.introduce(self.name, deadline)
            return self._link

    async def _introduced_if_up(self, deadline: float | None, key: object = None) -> Link | None:
        """Return an open link, or None if the process is down: a cast does not wait for it."""
        try:
            if not await self.node.is_running(self.name):
                return None
            target = await self._target(deadline, key)
            if target is not self:
                return await target._introduced_if_up(deadline)  # noqa: SLF001  # of this class
            return await self.introduced(deadline)
        except (NoProcess, NodeNotFound, ProcessDown, CallTimeout):
            return None
