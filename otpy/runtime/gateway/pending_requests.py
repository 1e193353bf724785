"""Requests of clients that the gateway has forwarded to the tree, until they are answered."""

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from otpy.core.messages import Request, StartMany
from otpy.errors import CallTimeout, NoProcess, OtpyError
from otpy.runtime.directory import ProcessEntry, way_to
from otpy.runtime.gateway.client_connection import Client
from otpy.runtime.gateway.handoff import HandoffSockets, open_handoff
from otpy.runtime.supervisor_api import refusal, to_builtins
from otpy.system.descriptor import Descriptor, close_all, pipe
from otpy.system.loop import Loop, Timer
from otpy.system.message_socket import MessageSocket, NotSent, SocketClosed
from otpy.system.pipes import link_pipes
from otpy.wire.control import (
    Address,
    Answered,
    Ask,
    Entries,
    Forget,
    LinkLost,
    LinkOpened,
    Lookup,
    NodeReply,
    NodeRequest,
    OpenLink,
    Path,
    RawReply,
    ReloadNode,
    SendSignal,
    StartTask,
    StopProcess,
)
from otpy.wire.frames import MAX_FRAME
from otpy.wire.handoff import NO_HELLO, WITH_HELLO
from otpy.wire.link import VERSION
from otpy.wire.paths import GATEWAY
from otpy.wire.sys_messages import SysRequest, Trace
from otpy.wire.values import carried


@dataclass(slots=True)
class PendingRequest:
    """One request of a client.

    Attributes:
        client: The client that sent it.
        number: Of its request.
        name: Path of the process that it is about, as the client is told.
        way: Ids from the node down to that process.
        fds: The client's ends of a link under way; behind them the gateway's of a hand-off socket.
        entry: The worker that is to have a link.
        then: Called once the tree has answered, whatever the answer, in place of a reply.
    """

    client: Client
    number: int
    name: str
    way: Path
    fds: tuple[Descriptor, ...] = ()
    entry: ProcessEntry | None = None
    timer: Timer | None = None
    then: Callable[[], None] | None = None


def _link_reply(path: str, pid: int, incarnation: int) -> dict[str, object]:
    hello = (VERSION, incarnation, MAX_FRAME)
    return {"path": path, "pid": pid, "incarnation": incarnation, "hello": hello}


class PendingRequests:
    """Sends requests to the node, and answers the clients when it answers.

    Args:
        node: The pipe to the node.
        loop: Where deadlines are waited for.
    """

    def __init__(self, node: MessageSocket, loop: Loop) -> None:
        self._node, self._loop = node, loop
        self._handoff = HandoffSockets(loop)
        self._tokens = itertools.count(1)
        self._open: dict[int, PendingRequest] = {}

    def open_link(
        self,
        client: Client,
        number: int,
        entry: ProcessEntry,
        timeout: float | None,
        *,
        send_hello: bool,
    ) -> None:
        """Open a link to the process for the client, within `timeout` seconds.

        Unless it is to `send_hello`, the process may leave out the hello, which is announced.

        Raises:
            OSError: There are too many open files.
        """
        if entry.state == "running" and self._offer(client, number, entry, send_hello):
            return
        pending = PendingRequest(client, number, entry.path, way_to(entry.path))
        pending.entry = entry if entry.kind == "worker" else None
        if timeout is not None:
            pending.timer = self._loop.call_later(timeout, partial(self._late, pending))
        self._send_open_link(pending)

    def ask(
        self,
        pending: PendingRequest,
        request: Request | StartMany | SendSignal | StopProcess | ReloadNode | SysRequest,
    ) -> None:
        """Forward a request and answer the client."""
        self._send(pending, lambda token: Ask(token, pending.way, request))

    def look_up(self, pending: PendingRequest, key: bytes) -> None:
        """Answer the client which processes are registered under a key."""
        self._send(pending, lambda token: NodeRequest(token, Address(GATEWAY, 0), Lookup(key)))

    def settle(
        self, message: LinkOpened | Answered | NodeReply, fds: tuple[Descriptor, ...]
    ) -> None:
        """Answer the client, since the node has answered; what goes wrong ends that client."""
        pending = self._take(message.token)
        if pending is None:
            close_all(fds)
            return
        try:
            match message:
                case LinkOpened():
                    self._link_opened(pending, message, fds)
                case Answered():
                    self._answered(pending, message)
                case NodeReply():
                    self._found(pending, message)
        except Exception as error:  # noqa: BLE001  # others wait for their answers
            self._close(pending)
            pending.client.drop(error)

    def _found(self, pending: PendingRequest, message: NodeReply) -> None:
        if isinstance(message.answer, OtpyError):
            self._fail(pending, message.answer)
            return
        assert isinstance(message.answer, Entries)
        self._close(pending)
        pending.client.reply(pending.number, message.answer.entries)

    def start_task(
        self, pending: PendingRequest, task: StartTask, owner: Descriptor | None
    ) -> None:
        """Start a task for the client; it ends with the process of the pidfd `owner`.

        Raises:
            OSError: There are too many open files.
        """
        beside = () if owner is None else (owner,)
        try:
            pending.fds, theirs = link_pipes()
        except OSError:
            close_all(beside)
            raise
        self._send(pending, lambda token: Ask(token, pending.way, task), (*theirs, *beside))

    def trace(self, pending: PendingRequest) -> None:
        """Send the client the read end of a pipe into which a worker writes its trace.

        Raises:
            OSError: There are too many open files.
        """
        ours, theirs = pipe()
        pending.fds = (ours,)
        self._send(pending, lambda token: Ask(token, pending.way, Trace()), (theirs,))

    def forget(self, client: Client, number: int | None = None) -> None:
        """The client does not wait for the answer to a request, or has gone with all of its."""
        for token, pending in tuple(self._open.items()):
            if pending.client is client and number in (None, pending.number):
                self._give_up(token, pending)
                self._close(pending)

    def _link_opened(
        self, pending: PendingRequest, message: LinkOpened, fds: tuple[Descriptor, ...]
    ) -> None:
        if not fds:
            self._fail(pending, NoProcess("out of descriptors"))
            return
        (read, write, *handoff), pending.fds = pending.fds, ()
        address = message.path, message.pid, message.incarnation
        if handoff:
            self._handoff.add(*address, handoff[0], fds[0])
        self._close(pending)
        pending.client.reply(pending.number, _link_reply(*address), (read, write, *fds))

    def _answered(self, pending: PendingRequest, message: Answered) -> None:
        if pending.then is not None:
            self._close(pending)
            pending.then()
            return
        match message.answer:
            case LinkLost():
                self._try_again(pending)
            case OtpyError() as error:
                self._fail(pending, error)
            case RawReply() as told:
                fds, pending.fds = pending.fds, ()
                self._close(pending)
                pending.client.reply(pending.number, told.content, fds)
            case answer if (refused := refusal(answer)) is not None:
                self._fail(pending, refused)
            case answer:
                self._close(pending)
                # The arguments in a child's spec are the user's, the rest is as MessagePack has it.
                value = carried(to_builtins(answer, message.pids), unknown=_as_it_is)
                pending.client.reply(pending.number, value)

    def _try_again(self, pending: PendingRequest) -> None:
        close_all(pending.fds)
        pending.fds = ()
        try:
            self._send_open_link(pending)
        except OSError as error:
            self._fail(pending, NoProcess(str(error)))

    def _send_open_link(self, pending: PendingRequest) -> None:
        theirs: tuple[Descriptor, ...]
        pending.fds, theirs = link_pipes()
        if pending.entry is not None and not self._handoff.reaches(pending.entry):
            ours, its = open_handoff()
            pending.fds, theirs = (*pending.fds, *ours), (*theirs, *its)
        self._send(pending, lambda token: OpenLink(token, pending.way), theirs)

    def _offer(self, client: Client, number: int, entry: ProcessEntry, send_hello: bool) -> bool:
        """Offer a link at the worker's own hand-off socket; False if there is none."""
        if not self._handoff.reaches(entry):
            return False
        ours, theirs = link_pipes()
        try:
            pidfd = self._handoff.offer(entry, theirs, WITH_HELLO if send_hello else NO_HELLO)
        except OSError:
            close_all(ours)
            raise
        finally:
            close_all(theirs)
        if pidfd is None or entry.pid is None:
            close_all(ours)
            return False
        value = _link_reply(entry.path, entry.pid, entry.incarnation)
        client.reply(number, value, (*ours, pidfd))
        return True

    def _take(self, token: int) -> PendingRequest | None:
        pending = self._open.pop(token, None)
        if pending is not None:
            pending.client.request_ended()
        return pending

    def _send(
        self,
        pending: PendingRequest,
        message: Callable[[int], object],
        fds: tuple[Descriptor, ...] = (),
    ) -> None:
        token = next(self._tokens)
        self._open[token] = pending
        pending.client.under_way += 1
        try:
            self._node.send(message(token), fds)
        except SocketClosed:
            # The node has ended, and this process is about to: the client looks for the next one.
            self._take(token)
            self._close(pending)
            pending.client.close()
        except NotSent:
            self._take(token)
            self._fail(pending, CallTimeout("the node does not answer"))

    def _late(self, late: PendingRequest) -> None:
        for token, pending in tuple(self._open.items()):
            if pending is late:
                self._give_up(token, pending)
                self._fail(pending, CallTimeout(f"{pending.name!r} did not come up in time"))

    def _give_up(self, token: int, pending: PendingRequest) -> None:
        self._take(token)
        if pending.fds:  # the other ends of these are somewhere in the tree, and worth nothing
            with contextlib.suppress(NotSent):
                self._node.send(Forget(token))

    def _fail(self, pending: PendingRequest, error: OtpyError) -> None:
        self._close(pending)
        pending.client.fail(pending.number, error)

    def _close(self, pending: PendingRequest) -> None:
        close_all(pending.fds)
        pending.fds = ()
        if pending.timer is not None:
            pending.timer.cancel()


def _as_it_is(value: object) -> object:
    return value
