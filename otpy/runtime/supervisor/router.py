"""Requests and new links on their way down the tree, and their answers on the way back.

A request for a child that is being restarted waits for it; one that is stopped for good is
refused. A request that was forwarded to a supervisor below is kept until that answers. If it ends
before, a link is handed back to be tried again, and a request is answered with its death, since it
is unknown whether it was carried out.
"""

import contextlib
import itertools
from collections.abc import Sequence
from types import UnionType
from typing import Final

from otpy.core.messages import Answer, Denied, Done, GetSpec, Results, StartChild, StartMany
from otpy.core.state import Availability
from otpy.errors import NoProcess, OtpyError, ProcessDown, SeveralInstances, SupervisorError
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.children import Children
from otpy.runtime.supervisor.supervisor_view import SupervisorView
from otpy.runtime.supervisor.sys_requests import serve_sys_request
from otpy.runtime.supervisor.unanswered import Batch, Forwarded, TaskStart
from otpy.runtime.supervisor.wait_queue import WaitQueue
from otpy.runtime.supervisor_api import refusal, within_bounds
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.message_socket import NotSent, Sender, SocketClosed, SocketFull
from otpy.wire.control import (
    Answered,
    Ask,
    Forget,
    LinkLost,
    LinkOpened,
    NodeReply,
    NodeRequest,
    Notify,
    OpenLink,
    ReloadNode,
    SendSignal,
    StartTask,
    StopProcess,
)
from otpy.wire.paths import NODE
from otpy.wire.sys_messages import ReadCounters, SysRequest

NO_ANSWER: Final = 0
"""The token of a request whose answer no process waits for."""

_FDS_OF_A_LINK = 2


class Router:
    """Passes messages on, holds them, refuses them."""

    def __init__(self, supervisor: SupervisorView, children: Children) -> None:
        self._supervisor, self._children = supervisor, children
        self._tokens = itertools.count(1)
        self._waiting = WaitQueue()
        self._forwarded: dict[int, Forwarded] = {}
        self._core_requests: dict[int, tuple[Sender, int]] = {}
        self._batches: dict[int, Batch] = {}
        self._task_starts: dict[int, TaskStart] = {}

    def route(
        self, origin: Sender, message: OpenLink | Ask, fds: Sequence[Descriptor] = ()
    ) -> None:
        """Pass a message one step on, or hold it until that can be done."""
        if isinstance(message, OpenLink) and len(fds) < _FDS_OF_A_LINK:
            self._refuse(origin, message, fds, NoProcess("out of descriptors"))
            return
        if not message.path:
            self._serve(origin, message, fds)
            return
        id_ = message.path[0]
        # These are for a process in any state: one that hangs in its init, above all.
        at_once = _is(message, SendSignal | StopProcess | GetSpec) or _asks_supervisor(message)
        child = self._children.present(id_) if at_once else self._open(message)
        if child is not None:
            self._pass_on(origin, message, tuple(fds), child)
            return
        if _is(message, StopProcess) or _asks_supervisor(message) or self._knows_spec(message):
            self._refuse(origin, message, fds, NoProcess(f"{id_!r} has no process now"))
            return
        availability = self._supervisor.availability(id_)
        if availability is Availability.GONE:
            self._refuse(origin, message, fds, NoProcess(f"{id_!r} is not running"))
        elif availability is Availability.FAILED:
            text = f"{id_!r} has failed and stays down: {self._supervisor.failure(id_)}"
            self._refuse(origin, message, fds, NoProcess(text))
        elif not self._waiting.park(origin, message, tuple(fds)):
            self._refuse(origin, message, fds, NoProcess(f"too many wait for {id_!r}"))

    def _knows_spec(self, message: OpenLink | Ask) -> bool:
        """Return whether a supervisor is asked for its spec that this one will start it with."""
        return _is(message, GetSpec) and self._supervisor.path != NODE

    def _open(self, message: OpenLink | Ask) -> Child | None:
        """Find the child that takes a message: it is up, or a supervisor that knows what to do.

        While a supervisor boots and while it stops, some of what runs below it is up.
        """
        id_, *below = message.path
        child = self._children.present(id_)
        if child is None:
            return None
        if child.is_supervisor and (below or isinstance(message, OpenLink)):
            # One that ends takes requests along, undone: those wait for the next one.
            waits = (
                child.is_leaving and isinstance(message, Ask) and self._supervisor.comes_back(id_)
            )
            return None if waits else child
        return child if child.ready and not child.is_leaving else None

    def retry_parked(self) -> None:
        """Look again at what waits; to be called whenever a child's state has changed."""
        if self._waiting:  # hardly ever: this runs after every event
            for parked in self._waiting.unpark_all():
                self.route(parked.origin, parked.message, parked.fds)

    def forget(self, origin: Sender, token: int) -> None:
        """Drop a message whose sender does not wait for it any more, here or further on."""
        if self._waiting.withdraw(origin, token):
            return
        for onward, forwarded in self._forwarded.items():
            if forwarded.origin is origin and forwarded.token == token:
                del self._forwarded[onward]
                if forwarded.child is None:
                    self._supervisor.send_up(Forget(onward))
                elif forwarded.child.is_supervisor:
                    self._send(forwarded.child.channel, Forget(onward))
                return

    def answer(self, token: int, answer: Answer) -> None:
        """Send the core's answer to the requester."""
        if token == NO_ANSWER:
            return
        if (batch := self._batches.pop(token, None)) is not None:
            self._answer_one_of(batch, token, answer)
            return
        if (start := self._task_starts.pop(token, None)) is not None:
            self._task_started(start, answer)
            return
        origin, original = self._core_requests.pop(token)
        result = (
            SupervisorError(answer.reason, answer.detail) if isinstance(answer, Denied) else answer
        )
        self._send(origin, Answered(original, result, self._children.pids()))

    def _answer_one_of(self, batch: Batch, token: int, answer: Answer) -> None:
        batch.answers[token] = answer
        batch.open -= 1
        if not batch.open:
            answers = (batch.answers[token] for token in sorted(batch.answers))
            results = Results((*within_bounds(answers),))
            self._send(batch.origin, Answered(batch.token, results, self._children.pids()))

    def forward_to_node(
        self, origin: Sender, message: NodeRequest, fds: Sequence[Descriptor]
    ) -> None:
        """Pass a worker's request on towards the node."""
        token = next(self._tokens)
        self._forwarded[token] = Forwarded(origin, message.token, None, opens_link=bool(fds))
        # The node is to know what happened here before it is asked about it.
        self._supervisor.send_published()
        if not self._supervisor.send_up(NodeRequest(token, message.sender, message.operation), fds):
            del self._forwarded[token]
            self._refuse_node_request(origin, message.token, opens_link=bool(fds))

    def parent_ended(self) -> None:
        """Refuse every request that was forwarded to the parent, which has ended."""
        for token, forwarded in tuple(self._forwarded.items()):
            if forwarded.child is None:
                del self._forwarded[token]
                self._refuse_node_request(
                    forwarded.origin, forwarded.token, opens_link=forwarded.opens_link
                )

    def _refuse_node_request(self, origin: Sender, token: int, *, opens_link: bool) -> None:
        error = NoProcess("the node does not answer")
        self._send(origin, Answered(token, error, {}) if opens_link else NodeReply(token, error))

    def notify(self, message: Notify) -> None:
        """Deliver a notification to a worker, if it is still that incarnation: one step."""
        id_, *rest = message.path
        child = self._children.present(id_)
        if child is None:
            return  # the process to notify has ended itself
        if rest:
            with contextlib.suppress(NotSent):
                child.channel.send(Notify(tuple(rest), message.incarnation, message.notification))
        elif child.incarnation == message.incarnation:
            child.deliver(message.notification)

    def answered(
        self,
        message: Answered | LinkOpened | NodeReply,
        fds: Sequence[Descriptor],
        child: Child | None,
    ) -> None:
        """Forward an answer from a child (None: from the parent) to the requester."""
        forwarded = self._forwarded.get(message.token)
        if forwarded is None or forwarded.child is not child:
            close_all(fds)
            return
        del self._forwarded[message.token]
        match message:
            case LinkOpened(path=path, pid=pid, incarnation=incarnation):
                onward = LinkOpened(forwarded.token, path, pid, incarnation)
                self._send(forwarded.origin, onward, fds)
            case NodeReply(answer=reply):
                self._send(forwarded.origin, NodeReply(forwarded.token, reply), fds)
            case Answered(answer=answer, pids=pids):
                self._send(forwarded.origin, Answered(forwarded.token, answer, pids))

    def child_ended(self, child: Child, reason: str) -> None:
        """Fail the requests that wait for a child that has ended, and drop those that it sent."""
        origin = child.channel
        wanted = [f.token for f in self._forwarded.values() if f.opens_link and f.origin is origin]
        for token in (*wanted, *self._waiting.tokens_from(origin)):
            self.forget(origin, token)
        for token, forwarded in tuple(self._forwarded.items()):
            if forwarded.child is child:
                del self._forwarded[token]
                answer = LinkLost() if forwarded.opens_link else ProcessDown(reason)
                self._send(forwarded.origin, Answered(forwarded.token, answer, {}))

    def _serve(self, origin: Sender, message: OpenLink | Ask, fds: Sequence[Descriptor]) -> None:
        request = None if isinstance(message, OpenLink) else message.request
        match request:
            case ReadCounters():
                self._send(origin, Answered(message.token, self._children.readings(), {}))
            case None | SendSignal() | StopProcess() | ReloadNode() | SysRequest():
                self._refuse(origin, message, fds, self._no_server())
            case StartMany():
                self._serve_many(origin, message.token, request)
            case StartTask():
                assert isinstance(message, Ask)
                self._start_task(origin, message, request, tuple(fds))
            case _:
                token = next(self._tokens)
                self._core_requests[token] = (origin, message.token)
                self._supervisor.ask(token, request)

    def _no_server(self) -> NoProcess:
        if self._supervisor.spec.instances:
            return self._several(self._supervisor.spec.instances)
        return NoProcess("a supervisor takes no messages")

    def _several(self, count: int) -> SeveralInstances:
        children = (self._children.running(str(number)) for number in range(count))
        loads = tuple([-1 if child is None else child.load for child in children])
        return SeveralInstances(self._supervisor.path, count, loads)

    def _serve_many(self, origin: Sender, original: int, many: StartMany) -> None:
        if not many.requests:
            self._send(origin, Answered(original, Results(()), {}))
            return
        batch = Batch(origin, original, len(many.requests), {})
        tokens = [next(self._tokens) for _ in many.requests]
        self._batches.update(dict.fromkeys(tokens, batch))
        for token, request in zip(tokens, many.requests, strict=True):
            self._supervisor.ask(token, request)

    def _start_task(
        self, origin: Sender, message: Ask, task: StartTask, fds: tuple[Descriptor, ...]
    ) -> None:
        if len(fds) < _FDS_OF_A_LINK:
            self._refuse(origin, message, fds, NoProcess("out of descriptors"))
            return
        token = next(self._tokens)
        self._task_starts[token] = TaskStart(origin, message, task, fds)
        self._supervisor.ask(token, StartChild(task.spec, once=True))

    def _task_started(self, start: TaskStart, answer: Answer) -> None:
        origin, message, fds = start.origin, start.message, start.fds
        child = self._children.running(start.task.spec.id)
        if (error := refusal(answer)) is not None:
            self._refuse(origin, message, fds, error)
        elif child is None:
            self._refuse(origin, message, fds, ProcessDown("it ended as it was started"))
        else:
            for owner in fds[_FDS_OF_A_LINK:]:
                self._supervisor.watch_owner(child, owner)
            open_link = OpenLink(message.token, (), message.peer)
            self._open_link(origin, open_link, fds[:_FDS_OF_A_LINK], child)

    def _pass_on(
        self,
        origin: Sender,
        message: OpenLink | Ask,
        fds: tuple[Descriptor, ...],
        child: Child,
    ) -> None:
        rest = message.path[1:]
        if not rest and isinstance(message, Ask) and self._serve_for_child(child, origin, message):
            return
        if child.is_supervisor or (not rest and _is_for(child, message)):
            self._forward(origin, message, rest, fds, child)
        elif not rest and isinstance(message, Ask) and child.kind == "worker":
            error = NoProcess(f"{message.path[0]!r} is a function, not a server")
            self._refuse(origin, message, fds, error)
        elif rest or isinstance(message, Ask):
            error = NoProcess(f"{message.path[0]!r} is not a supervisor")
            self._refuse(origin, message, fds, error)
        elif child.kind == "command":
            error = NoProcess(f"{message.path[0]!r} is a command; it takes no messages")
            self._refuse(origin, message, fds, error)
        else:
            self._open_link(origin, message, fds, child)

    def _serve_for_child(self, child: Child, origin: Sender, message: Ask) -> bool:
        """Serve a request about a child without asking the child; return whether it was served."""
        token = message.token
        match message.request:
            case SendSignal(number=number):
                error = child.kill_with(number)
                self._send(origin, Answered(token, error or Done(child.spec.id), {}))
            case StopProcess() as order:
                self._stop(origin, token, order, child)
            case SysRequest() as request if request.asks_supervisor:
                return serve_sys_request(
                    request,
                    child,
                    self._supervisor,
                    lambda answer: self._send(origin, Answered(token, answer, {})),
                )
            case _:
                return False
        return True

    def _stop(self, origin: Sender, token: int, order: StopProcess, child: Child) -> None:
        error = None
        if child.incarnation == order.incarnation:  # else it has ended, which is all the same
            try:
                child.channel.send(order)
            except SocketFull:
                error = NoProcess(f"{child.path!r} does not read")
            except SocketClosed:
                pass  # it has just ended, which is what was wanted
        self._send(origin, Answered(token, error or Done(child.spec.id), {}))

    def _forward(
        self,
        origin: Sender,
        message: OpenLink | Ask,
        rest: tuple[str, ...],
        fds: tuple[Descriptor, ...],
        child: Child,
    ) -> None:
        token = next(self._tokens)
        onward: OpenLink | Ask
        if isinstance(message, OpenLink):
            onward = OpenLink(token, rest, message.peer)
        else:
            onward = Ask(token, rest, message.request, message.peer)
        opens_link = isinstance(message, OpenLink)
        self._forwarded[token] = Forwarded(origin, message.token, child, opens_link)
        try:
            child.channel.send(onward, fds)
        except SocketFull:
            del self._forwarded[token]
            self._refuse(origin, message, (), NoProcess(f"{child.path!r} is overloaded"))
        except SocketClosed:
            pass  # it has just ended: `child_ended` answers

    def _open_link(
        self, origin: Sender, message: OpenLink, fds: tuple[Descriptor, ...], child: Child
    ) -> None:
        try:
            pidfd = child.pidfd.duplicate()
        except OSError:
            self._refuse(origin, message, fds, NoProcess("out of descriptors"))
            return
        try:
            child.channel.send(OpenLink(message.token, (), message.peer), fds)
        except SocketFull:
            pidfd.close()
            self._refuse(origin, message, (), NoProcess(f"{child.path!r} does not read"))
            return
        except SocketClosed:
            pass  # it has just ended: its pidfd tells, as if it had ended a moment later
        opened = LinkOpened(message.token, child.path, child.pid, child.incarnation)
        self._send(origin, opened, (pidfd,))

    def _refuse(
        self,
        origin: Sender,
        message: OpenLink | Ask,
        fds: Sequence[Descriptor],
        error: OtpyError,
    ) -> None:
        close_all(fds)
        self._send(origin, Answered(message.token, error, {}))

    def _send(self, origin: Sender, message: object, fds: Sequence[Descriptor] = ()) -> None:
        # What is answered as done must be found in the directory.
        self._supervisor.send_published()
        # A sender that does not read answers will run into its own timeout.
        with contextlib.suppress(NotSent):
            origin.send(message, fds)


def _is_for(child: Child, message: OpenLink | Ask) -> bool:
    """Return whether the worker itself is to answer a message."""
    return child.answers_sys and _is(message, SysRequest) and not _asks_supervisor(message)


def _asks_supervisor(message: OpenLink | Ask) -> bool:
    """Return whether the supervisor of a process answers in its place, whatever state it is in."""
    request = message.request if isinstance(message, Ask) else None
    return isinstance(request, SysRequest) and request.asks_supervisor


def _is(message: OpenLink | Ask, request: type | UnionType) -> bool:
    return isinstance(message, Ask) and isinstance(message.request, request)
