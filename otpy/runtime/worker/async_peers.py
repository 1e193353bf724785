"""The other workers of the tree, as a worker reaches them from its event loop."""

import asyncio
import contextlib
import weakref
from typing import Any, TypeVar

from otpy.aio.links.deadline import within
from otpy.aio.links.link import Link
from otpy.aio.links.pid_ref import PidRef
from otpy.aio.links.ref import Ref
from otpy.core.messages import TerminateChildren
from otpy.errors import CallingSelf, NoProcess, OtpyError, ProcessDown
from otpy.links.deadline import DEFAULT_TIMEOUT_S, exit_info_deadline, seconds_left
from otpy.links.link_table import LinkTable
from otpy.links.peer import PeerProtocol
from otpy.links.protocol import LinkProtocol
from otpy.runtime.worker.async_mailbox import Waiting
from otpy.runtime.worker.connections import Cast, Info
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.runtime.worker.peer_requests import (
    expect_reply,
    opened_link,
    plainly,
    protocol_with,
    running,
    started_task,
    stop_order,
    supervised,
    supervising,
    sys_reply,
    task_request,
)
from otpy.runtime.worker.receive import as_received, check_wait
from otpy.runtime.worker.supervisor_channel import ControlAnswer
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.pipes import LinkDescriptors, link_pipes
from otpy.wire.control import (
    Address,
    AskProcess,
    Connect,
    ExitInfo,
    GetExitInfo,
    LinkOpened,
    NodeAnswer,
    NodeOperation,
    NodeReply,
    Whereis,
)
from otpy.wire.gateway import Stopped, TreeRow
from otpy.wire.sys_messages import SysRequest

T = TypeVar("T")


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
        self._refs: dict[str, PeerRef] = {}
        self._task_links: weakref.WeakSet[Link] = weakref.WeakSet()
        self._links: LinkTable[Link] = LinkTable()
        self._asking = 0

    def __getitem__(self, name: str) -> "PeerRef":
        """Return the reference to a process by its name."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self.abandon()  # the links of a loop that is over
            self._loop, self._asking = loop, 0
        ref = self._refs.get(name)
        if ref is None:
            ref = self._refs[name] = PeerRef(self, name, self._me, self._mailbox)
        return ref

    async def ask_node(self, operation: NodeOperation, timeout: float | None) -> NodeAnswer:
        """Ask the node, which knows who is where; raises what it answers, and `CallTimeout`."""
        async with within(timeout, "the node did not answer"):
            answer, _ = await self._ask(operation)
        assert isinstance(answer, NodeReply)
        return answer.answer

    async def ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[T],
        repeatable: bool = True,
    ) -> T:
        """Have a supervisor answer; it is the only operation of a client's that comes this way."""
        del operation, repeatable
        asked = supervising(arguments)
        async with within(timeout, f"{asked.name or 'root'!r} did not answer"):
            answer, _ = await self._ask(asked)
        return supervised(answer, shape)

    async def send(self, who: Address, message: object, timeout: float | None) -> bool:
        """Have the `handle_info` of one incarnation called; False if that is gone, or stuck."""
        if who == self._me:
            self._mailbox.put(Info(message))
            return True
        data = PeerProtocol().info(message)
        return await self[who.path].post(who.incarnation, data, timeout)

    async def receive(self, timeout: float | None) -> object:
        """Take the next message of a function worker's mailbox."""
        check_wait(timeout)
        return as_received(await Waiting(self._mailbox).next(timeout), timeout)

    async def start_task(self, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
        """Have a supervisor start a task, and get a reference to that very process."""
        operation, ours, beside = task_request(self._me, supervisor, shutdown, linked=linked)
        try:
            answer, fds = await self._ask(operation, beside)
        except BaseException:
            close_all(ours)
            raise
        link = _link(*started_task(answer, fds, ours))
        self._task_links.add(link)
        return PidRef(self, link)

    async def terminate_children(self, supervisor: str, ids: list[str]) -> None:
        """Stop children; those that have ended, with their supervisor or alone, are no mistake."""
        with contextlib.suppress(NoProcess, ProcessDown):
            await self._ask(AskProcess(supervisor, TerminateChildren(tuple(ids))))

    def abandon(self) -> None:
        """Close every link: this is a process that the worker forked."""
        self._links.abandon()
        for link in tuple(self._task_links):
            link.abandon()
        self._refs.clear()

    # --- what a reference needs ---------------------------------------------------------------

    async def open_link(self, name: str, deadline: float | None) -> Link:  # noqa: ARG002
        """Get a link to a process; wait for one that is being restarted."""
        while True:
            ours, theirs = link_pipes()
            try:
                answer, fds = await self._ask(Connect(name), theirs)
            except BaseException:
                close_all(ours)
                raise
            if (met := opened_link(answer, fds, ours)) is not None:
                break
        shared = self._links.share(_link(*met))
        assert shared is not None
        return shared

    async def is_running(self, name: str, deadline: float | None) -> bool:  # noqa: ARG002
        """Tell whether a process runs at this moment."""
        return running(await self._row(name), self._me)

    async def sys_call(
        self,
        name: str,
        request: SysRequest,
        deadline: float | None,  # noqa: ARG002  # who awaits this gives up by itself
        shape: type[T],
    ) -> T:
        """Ask a server beside its messages."""
        answer, _ = await self._ask(AskProcess(name, plainly(request)))
        return sys_reply(answer, shape)

    async def stop_process(
        self,
        name: str,
        reason: object,
        deadline: float | None,  # noqa: ARG002  # as `sys_call`
    ) -> Stopped:
        """Have a process end in order, and tell how it ended."""
        who, order = stop_order(await self._row(name), reason, self._me)
        with contextlib.suppress(NoProcess, ProcessDown):  # it has ended by itself meanwhile
            await self._ask(AskProcess(who.path, order))
        answer, _ = await self._ask(GetExitInfo(who))
        return Stopped(*expect_reply(answer, ExitInfo), str(order.reason))

    async def down_error(self, link: Link, deadline: float | None) -> ProcessDown:
        """Tell why the process at the other end of `link` ended."""
        return await link.down_error(self._exit_info, deadline)

    async def _row(self, name: str) -> TreeRow:
        answer, _ = await self._ask(Whereis(name))
        return expect_reply(answer, TreeRow)

    async def _exit_info(self, link: Link, deadline: float | None) -> ProcessDown:
        try:
            async with asyncio.timeout(seconds_left(exit_info_deadline(deadline))):
                answer, _ = await self._ask(GetExitInfo(Address(link.path, link.incarnation)))
        except (OtpyError, OSError):
            return ProcessDown("killed")
        return ProcessDown(*expect_reply(answer, ExitInfo))

    async def _ask(
        self, operation: NodeOperation, fds: tuple[Descriptor, ...] = ()
    ) -> tuple[ControlAnswer, tuple[Descriptor, ...]]:
        loop = asyncio.get_running_loop()
        comes = asyncio.Event()
        awaited = self._control.begin(self._me, operation, fds)
        try:
            loop.add_reader(awaited.wake.fileno(), comes.set)
            self._listen(+1)
            try:
                await comes.wait()
            finally:
                loop.remove_reader(awaited.wake.fileno())
                self._listen(-1)
            return self._control.take(awaited)
        finally:
            self._control.end(awaited)

    def _listen(self, more: int) -> None:
        """Read what the supervisor says as long as somebody waits for it: a handler may await."""
        self._asking += more
        loop = asyncio.get_running_loop()
        if self._asking:
            loop.add_reader(self._control.fileno(), self._control.read)
        else:
            loop.remove_reader(self._control.fileno())


class PeerRef(Ref):
    """Another worker, by its name, for the tasks of one; or that one itself.

    Args:
        peers: Gets the links.
        name: Of the worker.
        me: This one.
        mailbox: Its own.
    """

    def __init__(self, peers: AsyncPeers, name: str, me: Address, mailbox: WorkerMailbox) -> None:
        super().__init__(peers, name)
        self._me, self._mailbox = me, mailbox

    async def cast(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Send a request that has no answer, to oneself, too."""
        try:
            if self.name != self._me.path:
                await super().cast(request, *args, key=key, timeout=timeout)
                return
        except CallingSelf:
            pass
        self._mailbox.put(Cast((request, *args) if args else request))


def _link(ends: LinkDescriptors, who: LinkOpened) -> Link:
    where = (who.path, who.pid, who.incarnation)
    return Link(ends, *where, node_pid=0, protocol=protocol_with(who))
