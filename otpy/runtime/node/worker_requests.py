"""Serve the requests that workers send to the node, which knows all processes."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from otpy.core.messages import StartChild, StartCopy, StartMany
from otpy.errors import CallingSelf, OtpyError, SupervisorError
from otpy.events import Event, NameTaken
from otpy.runtime.directory import Directory, Ended, ProcessEntry, way_to
from otpy.runtime.exit_watch import ExitWatchers
from otpy.runtime.node.monitors import MonitorTable
from otpy.runtime.node.registry import Registry
from otpy.runtime.supervisor.router import Router
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.message_socket import MessageSocket, NotSent
from otpy.wire.control import (
    Address,
    Answered,
    Ask,
    AskProcess,
    Connect,
    Demonitor,
    DownNotification,
    Entries,
    ExitNotification,
    GetExitInfo,
    LinkTo,
    Lookup,
    MonitorTo,
    NodeOperation,
    NodeReply,
    NodeRequest,
    Notify,
    OpenLink,
    Register,
    RegisterName,
    StopProcess,
    Unlink,
    Unregister,
    Whereis,
)
from otpy.wire.gateway import TreeRow
from otpy.wire.paths import child_path
from otpy.wire.sys_messages import SysRequest


class RequestHandler:
    """Serves the requests of workers.

    Args:
        directory: The processes of the tree.
        exit_watchers: Call back when a process has exited.
        router: The way down the tree.
        publish: Publishes the event that a name has a new holder.
    """

    def __init__(
        self,
        directory: Directory,
        exit_watchers: ExitWatchers,
        router: Router,
        publish: Callable[[Event], None],
    ) -> None:
        self._directory, self._exit_watchers, self._router = directory, exit_watchers, router
        self._publish = publish
        self._monitors = MonitorTable(directory, exit_watchers, self._notify)
        self._registry = Registry(directory)

    def ended(self, ended: Sequence[Ended]) -> None:
        """Note which processes have ended."""
        self._exit_watchers.notify(ended)
        self._monitors.ended(ended)
        self._registry.ended(ended)

    def handle(self, origin: MessageSocket, asked: NodeRequest, fds: Sequence[Descriptor]) -> None:
        """Serve a request and answer its sender, now or later."""
        try:
            self._handle(origin, asked, fds)
        except OtpyError as error:
            close_all(fds)
            if isinstance(asked.operation, Connect):
                _send(origin, Answered(asked.token, error, {}))
            else:
                _send(origin, NodeReply(asked.token, error))

    def _handle(self, origin: MessageSocket, asked: NodeRequest, fds: Sequence[Descriptor]) -> None:
        match asked.operation:
            case Connect(name=name):
                entry = self._other(asked, name)
                open_link = OpenLink(asked.token, way_to(entry.path), asked.sender)
                self._router.route(origin, open_link, fds)
            case AskProcess(name=name, request=request) as operation:
                entry = self._addressee(asked.sender, operation)
                ask = Ask(asked.token, way_to(entry.path), request, asked.sender)
                self._router.route(origin, self.checked(ask), fds)
            case GetExitInfo(address=address):
                self._exit_watchers.watch(
                    address, lambda exit_info: _send(origin, NodeReply(asked.token, exit_info))
                )
            case operation:
                answer = self._perform(asked.sender, operation)
                _send(origin, NodeReply(asked.token, answer))

    def checked(self, ask: Ask) -> Ask:
        """Return the request with its names resolved.

        A child's path comes before any name: under a path that is a name, it would be taken for
        the process that has that name.
        """
        request = ask.request
        path = "/".join(ask.path[1:])
        if isinstance(request, StartChild | StartCopy):
            return replace(ask, request=self._checked(path, request))
        if isinstance(request, StartMany):
            requests = tuple([self._checked(path, each) for each in request.requests])
            return replace(ask, request=StartMany(requests))
        return ask

    def _checked(self, supervisor: str, request: StartChild | StartCopy) -> StartChild | StartCopy:
        id_ = request.spec.id if isinstance(request, StartChild) else request.id
        name = child_path(supervisor, id_) if id_ is not None else ""
        holder = self._directory.registered(name)
        return request if holder is None else replace(request, taken=_held(name, holder))

    def _perform(self, sender: Address, operation: NodeOperation) -> TreeRow | Entries | None:
        match operation:
            case Whereis(name=name):
                return self._directory.row(self._directory.resolve(name))
            case MonitorTo(number=number, name=name):
                self._monitors.monitor(sender, number, name)
            case Demonitor(number=number):
                self._monitors.demonitor(sender, number)
            case LinkTo(name=name, trap_exit=trap_exit):
                self._monitors.link(sender, name, trap_exit=trap_exit)
            case Unlink(name=name):
                self._monitors.unlink(sender, name)
            case RegisterName(name=name):
                self._register_name(sender, name)
            case _:
                return self._about_keys(sender, operation)
        return None

    def _about_keys(self, sender: Address, operation: NodeOperation) -> Entries | None:
        match operation:
            case Register(key=key, value=value):
                self._registry.register(sender, key, value)
            case Unregister(key=key):
                self._registry.unregister(sender, key)
            case Lookup(key=key):
                return Entries(self._registry.lookup(key))
            case _:
                raise AssertionError(operation)
        return None

    def _register_name(self, sender: Address, name: str) -> None:
        holder = self._directory.holder(name)
        if holder is not None and holder.path != sender.path:
            raise SupervisorError("already_started", _held(name, holder))
        if name != sender.path and self._directory.find(name) is not None:
            raise SupervisorError("already_started", f"{name!r} is the path of another process")
        path, incarnation = sender
        self._publish(NameTaken(at=time.time(), path=path, incarnation=incarnation, taken=name))

    def _notify(self, address: Address, notification: DownNotification | ExitNotification) -> None:
        process = self._directory.find(address.path)
        if process is not None and process.kind not in ("worker", "command"):
            return  # they trap exits, and ignore the exits of processes that they did not start
        self._router.notify(Notify(way_to(address.path), address.incarnation, notification))

    def _addressee(self, sender: Address, operation: AskProcess) -> ProcessEntry:
        name, request, starting = operation
        if not isinstance(request, StopProcess | SysRequest):
            entry = self._directory.resolve_as("supervisor", name, ", not a supervisor")
            if starting and f"{sender.path}/".startswith(f"{entry.path}/" if entry.path else ""):
                raise CallingSelf(f"{entry.path or 'root'!r} waits for the end of this init")
            return entry
        entry = self._directory.resolve_as("worker", name, ", not a server")
        if entry.path == sender.path and not getattr(request, "asks_supervisor", False):
            raise CallingSelf(f"{name!r} would wait for itself")
        return entry

    def _other(self, asked: NodeRequest, name: str) -> ProcessEntry:
        entry = self._directory.resolve_target(name)
        if entry.path == asked.sender.path:
            raise CallingSelf(f"{name!r} would wait for itself")
        return entry


def _held(name: str, holder: ProcessEntry) -> str:
    return f"{name!r} is {holder.path!r}, pid {holder.pid}"


def _send(origin: MessageSocket, message: object) -> None:
    # A process that does not read its answers runs into its timeout.
    with contextlib.suppress(NotSent):
        origin.send(message)
