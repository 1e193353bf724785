"""Requests of a worker to the node and to supervisors, about the other workers of its tree."""

import contextlib
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from otpy.aio.links.deadline import within
from otpy.aio.links.link import Link
from otpy.aio.links.pid_ref import PidRef
from otpy.aio.links.ref import Ref
from otpy.core.messages import TerminateChildren
from otpy.errors import NoProcess, OtpyError, ProcessDown
from otpy.links.deadline import exit_info_deadline, seconds_left
from otpy.links.link_table import LinkTable
from otpy.links.peer import PeerProtocol
from otpy.links.protocol import LinkProtocol
from otpy.runtime.worker.connections import Info
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.runtime.worker.peer_requests import (
    expect_reply,
    opened_link,
    protocol_with,
    request_to_builtins,
    running,
    started_task,
    stop_request,
    supervised,
    supervising,
    sys_reply,
    task_request,
)
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
from otpy.wire.gateway import StopResult, TreeRow
from otpy.wire.sys_messages import SysRequest

T = TypeVar("T")


class PeerOperations:
    """Gets links to other workers, by way of the supervisors and the node.

    Args:
        me: This worker.
        mailbox: Its own.
    """

    name = "this tree"
    _protocol: type[LinkProtocol] = PeerProtocol

    def __init__(self, me: Address, mailbox: WorkerMailbox) -> None:
        self._me, self._mailbox, self._control = me, mailbox, mailbox.control
        self._links: LinkTable[Link] = LinkTable()
        self._task_links: weakref.WeakSet[Link] = weakref.WeakSet()

    if TYPE_CHECKING:  # how one waits for an answer, and keeps references, is written by hand

        def __getitem__(self, name: str) -> Ref: ...

        async def _request(
            self,
            operation: NodeOperation,
            deadline: float | None,
            fds: tuple[Descriptor, ...] = (),
        ) -> tuple[ControlAnswer, tuple[Descriptor, ...]]: ...

    async def ask_node(self, operation: NodeOperation, timeout: float | None) -> NodeAnswer:
        """Ask the node, which knows all processes; raises what it answers, and `CallTimeout`."""
        async with within(timeout, "the node did not answer") as deadline:
            answer, _ = await self._request(operation, deadline)
        assert isinstance(answer, NodeReply)
        return answer.answer

    async def _ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[T],
        repeatable: bool = True,
    ) -> T:
        """Ask a supervisor; it is the only operation of a client's that comes this way."""
        del operation, repeatable
        asked = supervising(arguments)
        async with within(timeout, f"{asked.name or 'root'!r} did not answer") as deadline:
            answer, _ = await self._request(asked, deadline)
        return supervised(answer, shape)

    async def send(self, address: Address, message: object, timeout: float | None) -> bool:
        """Send a message to one incarnation's `handle_info`; False if that is gone, or stuck."""
        if address == self._me:
            self._mailbox.put(Info(message))
            return True
        data = PeerProtocol().info(message)
        return await self[address.path]._post(address.incarnation, data, timeout)

    async def _start_task(self, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
        """Start a task at a supervisor, and return a reference to that very process."""
        operation, ours, beside = task_request(self._me, supervisor, shutdown, linked=linked)
        try:
            answer, fds = await self._request(operation, None, beside)
        except BaseException:
            close_all(ours)
            raise
        link = _link(*started_task(answer, fds, ours))
        self._task_links.add(link)
        return PidRef(self, link)

    async def _terminate_children(self, supervisor: str, ids: list[str]) -> None:
        """Stop children; those that have ended, with their supervisor or alone, are no mistake."""
        with contextlib.suppress(NoProcess, ProcessDown):
            await self._request(AskProcess(supervisor, TerminateChildren(tuple(ids))), None)

    def abandon(self) -> None:
        """Close every link: this is a process that the worker forked."""
        self._links.abandon()
        for link in list(self._task_links):
            link.abandon()

    # --- what a reference needs ---------------------------------------------------------------

    async def _open_link(self, name: str, deadline: float | None) -> Link:
        """Return a link to a process; wait for one that is being restarted."""
        while True:
            ours, theirs = link_pipes()
            try:
                answer, fds = await self._request(Connect(name), deadline, theirs)
            except BaseException:
                close_all(ours)
                raise
            if (met := opened_link(answer, fds, ours)) is not None:
                break
        shared = self._links.share(_link(*met))
        assert shared is not None
        return shared

    async def _is_running(self, name: str, deadline: float | None) -> bool:
        """Return whether a process runs at this moment."""
        return running(await self._row(name, deadline), self._me)

    async def _sys_call(
        self, name: str, request: SysRequest, deadline: float | None, shape: type[T]
    ) -> T:
        """Ask a server beside its messages."""
        answer, _ = await self._request(AskProcess(name, request_to_builtins(request)), deadline)
        return sys_reply(answer, shape)

    async def _stop_process(self, name: str, reason: object, deadline: float | None) -> StopResult:
        """Stop a process in order, and return how it ended."""
        address, order = stop_request(await self._row(name, deadline), reason, self._me)
        with contextlib.suppress(NoProcess, ProcessDown):  # it has ended by itself meanwhile
            await self._request(AskProcess(address.path, order), deadline)
        answer, _ = await self._request(GetExitInfo(address), deadline)
        return StopResult(*expect_reply(answer, ExitInfo), str(order.reason))

    async def _down_error(self, link: Link, deadline: float | None) -> ProcessDown:
        """Return why the process at the other end of `link` ended."""
        return await link.down_error(self._exit_info, deadline)

    async def _row(self, name: str, deadline: float | None) -> TreeRow:
        answer, _ = await self._request(Whereis(name), deadline)
        return expect_reply(answer, TreeRow)

    async def _exit_info(self, link: Link, deadline: float | None) -> ProcessDown:
        address = GetExitInfo(Address(link.path, link.incarnation))
        try:
            async with within(seconds_left(exit_info_deadline(deadline)), "") as until:
                answer, _ = await self._request(address, until)
        except (OtpyError, OSError):
            return ProcessDown("killed")
        return ProcessDown(*expect_reply(answer, ExitInfo))


def _link(ends: LinkDescriptors, address: LinkOpened) -> Link:
    where = (address.path, address.pid, address.incarnation)
    return Link(ends, *where, node_pid=0, protocol=protocol_with(address))
