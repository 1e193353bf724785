"""The other workers of the tree, as a worker reaches them from its event loop."""

import asyncio
from typing import Any

from otpy.aio.link import Link, LinkTable
from otpy.aio.pending import Pending
from otpy.aio.reference import Reference
from otpy.errors import CallingSelf, OtpyError, ProcessDown
from otpy.links.deadline import fate_deadline, seconds_left
from otpy.links.link import link_pipes
from otpy.links.peer import PeerProtocol
from otpy.links.protocol import LinkProtocol
from otpy.runtime.asking import granted, introduction, protocol_with, running
from otpy.runtime.control import ControlAnswer
from otpy.runtime.mailbox import WorkerMailbox
from otpy.system.fdpass import close_fds
from otpy.wire.control import (
    Address,
    AskFate,
    Fate,
    Seek,
    Whereis,
    Wish,
)
from otpy.wire.gateway import TreeRow


class AsyncPeers:
    """Gets links to other workers, by way of the supervisors and the node; as `Peers`.

    Args:
        me: This worker.
        mailbox: Its own.
    """

    name = "this tree"
    protocol: type[LinkProtocol] = PeerProtocol

    def __init__(self, me: Address, mailbox: WorkerMailbox) -> None:
        self._me, self._mailbox, self._control = me, mailbox, mailbox.control
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refs: dict[str, Reference] = {}
        self._links = LinkTable()
        self._asking = 0

    async def call(
        self, name: str, request: object, *args: object, key: object, timeout: float | None
    ) -> Any:
        """Call another worker."""
        return await self._ref(name).call(request, *args, key=key, timeout=timeout)

    async def send_request(
        self, name: str, request: object, *args: object, key: object, timeout: float | None
    ) -> Pending:
        """Send a request, and go on."""
        return await self._ref(name).send_request(request, *args, key=key, timeout=timeout)

    async def cast(
        self, name: str, request: object, *args: object, key: object, timeout: float | None
    ) -> None:
        """Send a request that has no answer, to oneself, too."""
        message = (request, *args) if args else request
        try:
            if name != self._me.path:
                await self._ref(name).cast(message, key=key, timeout=timeout)
                return
        except CallingSelf:
            pass
        self._mailbox.cast_to_self(message)

    def abandon(self) -> None:
        """Close every link: this is a process that the worker forked."""
        self._links.abandon()
        self._refs.clear()

    def _ref(self, name: str) -> Reference:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self.abandon()  # the links of a loop that is over
            self._loop, self._asking = loop, 0
        ref = self._refs.get(name)
        return self._refs.setdefault(name, Reference(self, name)) if ref is None else ref

    # --- what a reference needs ---------------------------------------------------------------

    async def introduce(self, name: str, deadline: float | None) -> Link:  # noqa: ARG002
        """Get a link to a process; wait for one that is being restarted."""
        while True:
            ours, theirs = link_pipes()
            try:
                answer, fds = await self._ask(Seek(name), theirs)
            except BaseException:
                close_fds(ours)
                raise
            if (met := introduction(answer, fds, ours)) is not None:
                break
        ends, who = met
        where = (who.path, who.pid, who.incarnation)
        link = Link(ends, *where, node_pid=0, protocol=protocol_with(who))
        return self._links.share(link)

    async def is_running(self, name: str) -> bool:
        """Tell whether a process runs at this moment."""
        answer, _ = await self._ask(Whereis(name))
        return running(granted(answer, TreeRow), self._me)

    async def obituary(self, link: Link, deadline: float | None) -> ProcessDown:
        """Tell why the process at the other end of `link` ended."""
        return await link.obituary(self._fate, deadline)

    async def _fate(self, link: Link, deadline: float | None) -> ProcessDown:
        try:
            async with asyncio.timeout(seconds_left(fate_deadline(deadline))):
                answer, _ = await self._ask(AskFate(Address(link.path, link.incarnation)))
        except (OtpyError, OSError):
            return ProcessDown("killed")
        return ProcessDown(*granted(answer, Fate))

    async def _ask(
        self, wish: Wish, fds: tuple[int, ...] = ()
    ) -> tuple[ControlAnswer, tuple[int, ...]]:
        loop = asyncio.get_running_loop()
        comes = asyncio.Event()
        awaited = self._control.begin(self._me, wish, fds)
        try:
            loop.add_reader(awaited.wake, comes.set)
            self._listen(+1)
            try:
                await comes.wait()
            finally:
                loop.remove_reader(awaited.wake)
                self._listen(-1)
            return self._control.take(awaited)
        finally:
            self._control.end(awaited)

    def _listen(self, more: int) -> None:
        """Read what the supervisor says as long as somebody waits for it: a handler may await."""
        self._asking += more
        loop = asyncio.get_running_loop()
        if self._asking:
            loop.add_reader(self._control.fd, self._control.hear)
        else:
            loop.remove_reader(self._control.fd)
