"""The gateway: the only process that parses what clients send.

It answers what the directory knows, and sends everything else down the tree. It can be killed
at any time: the node keeps the listening socket, and the next one goes on with the directory
that the node has.
"""

import contextlib
import os
import select
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from otpy.core.spec import INFINITY
from otpy.errors import FrameTooLarge, NoProcess, OtpyError, ProtocolError
from otpy.events import Event, Reloaded
from otpy.runtime.bootstrap import Bootstrap
from otpy.runtime.control_channel import GATEWAY as OWN_RECORDS
from otpy.runtime.control_channel import end_of_child
from otpy.runtime.directory import Directory, ProcessEntry, way_to
from otpy.runtime.exit_reasons import exit_reason
from otpy.runtime.exit_watch import ExitWatchers
from otpy.runtime.gateway.client_connection import Client
from otpy.runtime.gateway.pending_requests import PendingRequest, PendingRequests
from otpy.runtime.gateway.request_arguments import (
    reload_arguments,
    seconds,
    signal_number,
    sys_request,
    wait_arguments,
)
from otpy.runtime.gateway.subscriptions import Subscriptions
from otpy.runtime.gateway.waits import Waits
from otpy.runtime.node_log import NodeLog, Source
from otpy.runtime.recent_events import RecentEvents
from otpy.runtime.stdout import NodeStdout
from otpy.runtime.supervisor_api import core_request
from otpy.runtime.task_specs import task_spec
from otpy.system.credentials import peer_of
from otpy.system.descriptor import Descriptor
from otpy.system.limits import MOST_MEMORY, limit_memory
from otpy.system.loop import Loop
from otpy.system.message_socket import NotSent
from otpy.system.sockets import Socket, accepted
from otpy.system.spawn import (
    become_child,
    become_worker,
    ignore_signals,
    raise_descriptor_limit,
)
from otpy.system.warnings import also_warn, warn_of_failure
from otpy.wire import link
from otpy.wire.control import (
    MAX_REGISTERED,
    Address,
    Answered,
    ExitInfo,
    LinkOpened,
    Listen,
    NodeReply,
    Publish,
    Ready,
    SendSignal,
    ShutDown,
    StartTask,
    StopNode,
    StopProcess,
)
from otpy.wire.gateway import VERSION, GatewayRequest
from otpy.wire.link import request_value
from otpy.wire.log_lines import complaint_line
from otpy.wire.paths import GATEWAY, NODE
from otpy.wire.sys_messages import ReadCounters, SysRequest, Trace


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The facts of the node in the answer to a client's hello."""

    node: str
    pid: int
    config: str
    boot: str


_BAD_ARGUMENTS: Final = (LookupError, TypeError, ValueError, ArithmeticError, RecursionError)
"""The exceptions of arguments that an operation does not expect."""


class GatewayProcess:
    """Serves the clients.

    Args:
        bootstrap: The values inherited at the fork; its supervisor is the node.
        listener: The listening socket.
        directory: The processes of the tree at the time of the fork.
        recent: The latest events; the gateway's own from now on.
        facts: The facts of the node for clients.
    """

    def __init__(
        self,
        bootstrap: Bootstrap,
        listener: Socket,
        directory: Directory,
        recent: RecentEvents,
        facts: NodeFacts,
    ) -> None:
        self._loop = Loop()
        self._loop.survive = warn_of_failure
        self._stdout = NodeStdout(self._loop)
        self._node_log = NodeLog(
            self._loop, bootstrap.outlets.log, Source(GATEWAY, bootstrap.incarnation)
        )
        also_warn(lambda text: self._node_log.say(text, "WARNING"))
        self._directory, self._facts = directory, facts
        self._recent = recent
        self._subscriptions = Subscriptions(recent, facts.boot)
        self._node = end_of_child(bootstrap.control, OWN_RECORDS)
        self._node_poll = select.poll()
        self._node_poll.register(self._node, select.POLLIN)
        self._node_pidfd = Descriptor(os.pidfd_open(bootstrap.parent))
        self._listener = listener
        self._pending = PendingRequests(self._node, self._loop)
        self._clients: dict[Client, None] = {}
        self._exit_watchers = ExitWatchers(directory)
        self._waits = Waits(directory)
        self._operations: Mapping[str, Callable[[Client, int, dict[str, Any]], None]] = {
            **{name: partial(self._sys, kind) for name, kind in SysRequest.kinds.items()},
            "hello": self._hello,
            "whereis": self._whereis,
            "tree": self._tree,
            "connect": self._connect,
            "supervisor": self._supervisor,
            "start_task": self._start_task,
            "signal": self._signal,
            "statistics": self._statistics,
            "stop": self._stop,
            "trace": self._trace,
            "exit_info": self._exit_info,
            "forget": self._forget,
            "events": self._events,
            "lookup": self._lookup,
            "wait": self._wait,
            "reload": self._reload,
            "shutdown": self._shutdown,
        }

    def run(self) -> int:
        """Serve until the node ends this process or has ended itself; return the exit status."""
        self._node.attach(self._loop, self._on_message, self._loop.stop)
        self._loop.watch(self._listener, self._accept)
        self._node.send(Ready())
        self._loop.run()
        return 0

    # ---- connections -------------------------------------------------------------------------

    def _accept(self, _events: int) -> None:
        try:
            connection = accepted(self._listener)
        except BlockingIOError:
            return
        except OSError:
            self._make_room()
            return
        try:
            if not peer_of(connection).is_trusted:
                connection.close()
                return
            client = Client(connection, self._loop, self._requested, self._closed, self._log)
        except OSError:  # the kernel has no room to watch one more
            connection.close()
            return
        self._clients[client] = None

    def _listen(self, fds: tuple[Descriptor, ...]) -> None:
        """Accept on another socket: the path of the one before was removed."""
        if not fds:  # the kernel had no room for it: the next gateway is forked with it
            self._loop.stop()
            return
        self._listener.close()
        self._listener = Socket(fds[0])
        self._loop.watch(self._listener, self._accept)

    def _log(self, line: str) -> None:
        self._stdout.write(f"{complaint_line('gateway', line)}\n".encode(errors="replace"))
        self._node_log.say(line, "WARNING")

    def _make_room(self) -> None:
        """Out of descriptors: drop the connection that has been silent for longest."""
        silent = next((client for client in self._clients if not client.handshake_done), None)
        if silent is None:
            silent = next(iter(self._clients), None)
        if silent is not None:
            silent.close()

    def _closed(self, client: Client) -> None:
        del self._clients[client]
        self._pending.forget(client)
        self._waits.forget(client)
        for number in tuple(client.watched):
            self._unwatch(client, number)
        self._subscriptions.forget(client)

    def _requested(self, client: Client, request: GatewayRequest) -> None:
        operation = self._operations.get(request.operation)
        if operation is None or (not client.handshake_done and request.operation != "hello"):
            raise ProtocolError(f"unexpected operation {request.operation!r:.40}")
        # What the node has said by now comes first: a client that asks for a process that it has
        # just read to be up must find it.
        if self._node_poll.poll(0):  # mostly not; to read in vain raises, which takes longer
            self._node.receive(self._on_message)
        if client.closed:
            return
        try:
            operation(client, request.number, request.arguments)
        except OtpyError as error:
            client.fail(request.number, error)
        except OSError as error:
            client.fail(request.number, OtpyError(f"the gateway cannot serve this: {error}"))
        except _BAD_ARGUMENTS as error:
            problem = f"{request.operation}: bad arguments: {error!r:.200}"
            client.fail(request.number, ProtocolError(problem))

    # ---- what the directory answers ----------------------------------------------------------

    def _hello(self, client: Client, number: int, _arguments: dict[str, Any]) -> None:
        client.handshake_ended()
        facts = self._facts
        value = {
            "node": facts.node,
            "pid": facts.pid,
            "config": facts.config,
            "boot": facts.boot,
            "version": VERSION,
        }
        client.reply(number, value)

    def _whereis(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        entry = self._directory.resolve(str(arguments["name"]))
        client.reply(number, self._directory.row(entry))

    def _tree(self, client: Client, number: int, _arguments: dict[str, Any]) -> None:
        client.reply(number, self._directory.rows())

    def _exit_info(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        address = Address(str(arguments["path"]), int(arguments["incarnation"]))
        self._watch(
            client, number, address, lambda exit_info: client.reply(number, exit_info._asdict())
        )

    def _watch(
        self, client: Client, number: int, address: Address, answer: Callable[[ExitInfo], None]
    ) -> None:
        """Answer a request of a client's once a process has ended, unless it is forgotten."""

        def ended(exit_info: ExitInfo) -> None:
            client.watched.pop(number, None)
            answer(exit_info)

        self._unwatch(client, number)
        client.watched[number] = address
        try:
            self._exit_watchers.watch(address, ended, key=(client, number))
        except NoProcess:
            del client.watched[number]
            raise

    def _unwatch(self, client: Client, number: int) -> None:
        if (address := client.watched.pop(number, None)) is not None:
            self._exit_watchers.unwatch(address, (client, number))

    def _forget(self, client: Client, _number: int, arguments: dict[str, Any]) -> None:
        number = int(arguments["number"])
        self._unwatch(client, number)
        self._pending.forget(client, number)
        self._waits.forget(client, number)

    def _wait(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        names, until = wait_arguments(arguments)
        self._waits.add(client, number, names, until)

    def _events(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        # Another node of this name numbers its events from 1 on again.
        is_ours = arguments.get("node") == self._facts.pid
        after = int(arguments["after"]) if is_ours and "after" in arguments else None
        follow = bool(arguments.get("follow"))
        self._subscriptions.add(client, number, after, follow=follow)

    def _happened(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Reloaded) and event.config:
                self._facts = replace(self._facts, config=event.config)
            self._exit_watchers.notify(self._directory.apply(event))
            self._recent.append(event)
        self._subscriptions.publish()
        self._waits.look()

    # ---- what the tree answers ---------------------------------------------------------------

    def _connect(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        entry = self._directory.resolve_target(str(arguments["name"]))
        timeout = seconds(arguments.get("timeout"))
        send_hello = arguments.get("version") != link.VERSION  # then it is to say so
        self._pending.open_link(client, number, entry, timeout, send_hello=send_hello)

    def _supervisor(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        entry = self._supervisor_at(str(arguments.get("path", "")))
        request = core_request(str(arguments["op"]), arguments)
        self._pending.ask(PendingRequest(client, number, entry.path, way_to(entry.path)), request)

    def _start_task(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        entry = self._supervisor_at(str(arguments["supervisor"]))
        shutdown = seconds(arguments["shutdown"])
        pid, _ = client.peer
        id_ = f"client-{pid}-{time.time_ns():x}"
        task = StartTask(task_spec(id_, INFINITY if shutdown is None else shutdown))
        owner = Descriptor(os.pidfd_open(pid)) if arguments.get("linked") else None
        self._pending.start_task(
            PendingRequest(client, number, entry.path, way_to(entry.path)), task, owner
        )

    def _supervisor_at(self, path: str) -> ProcessEntry:
        return self._directory.resolve_as("supervisor", path, ", not a supervisor")

    def _signal(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        entry = self._directory.resolve(str(arguments["name"]))
        order = SendSignal(signal_number(arguments["number"]))
        self._pending.ask(PendingRequest(client, number, entry.path, way_to(entry.path)), order)

    def _lookup(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        key = arguments["key"]
        if not isinstance(key, bytes):
            raise TypeError(f"key is the bytes of a value, got {key!r:.100}")
        if len(key) > MAX_REGISTERED:
            raise FrameTooLarge(len(key), MAX_REGISTERED)
        self._pending.look_up(PendingRequest(client, number, GATEWAY, ()), key)

    def _statistics(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        kind = "supervisor" if arguments.get("below") else "worker"
        name = str(arguments["name"])
        entry = self._directory.resolve_as(kind, name, ReadCounters.expected)
        self._pending.ask(
            PendingRequest(client, number, entry.path, way_to(entry.path)), ReadCounters()
        )

    def _stop(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        name = str(arguments["name"])
        entry = self._directory.resolve_as("worker", name, "; it takes no messages")
        address = Address(entry.path, int(arguments["incarnation"]))
        reason = exit_reason(request_value(arguments["reason"]))
        pending = PendingRequest(client, number, entry.path, way_to(entry.path))
        pending.then = partial(self._watch_stopped, client, number, address, str(reason))
        self._pending.ask(pending, StopProcess(address.incarnation, reason))

    def _watch_stopped(self, client: Client, number: int, address: Address, asked: str) -> None:
        try:
            told = {"asked": asked}
            self._watch(
                client,
                number,
                address,
                lambda exit_info: client.reply(number, exit_info._asdict() | told),
            )
        except NoProcess as error:
            client.fail(number, error)

    def _sys(
        self, kind: type[SysRequest], client: Client, number: int, arguments: dict[str, Any]
    ) -> None:
        request = sys_request(kind, arguments)
        self._pending.ask(self._about(kind, client, number, arguments), request)

    def _trace(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        self._pending.trace(self._about(Trace, client, number, arguments))

    def _about(
        self, kind: type[SysRequest], client: Client, number: int, arguments: dict[str, Any]
    ) -> PendingRequest:
        entry = self._directory.resolve_as("worker", str(arguments["name"]), kind.expected)
        return PendingRequest(client, number, entry.path, way_to(entry.path))

    def _reload(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        asked = reload_arguments(arguments)
        self._pending.ask(PendingRequest(client, number, NODE, ()), asked)

    def _shutdown(self, client: Client, number: int, _arguments: dict[str, Any]) -> None:
        with contextlib.suppress(NotSent):  # it has just ended
            self._node.send(StopNode())
        client.reply(number, None, (self._node_pidfd.duplicate(),))

    # ---- what the node says ------------------------------------------------------------------

    def _on_message(self, message: object, fds: tuple[Descriptor, ...]) -> None:
        match message:
            case Publish(events=events):
                self._happened(events)
            case LinkOpened() | Answered() | NodeReply():
                self._pending.settle(message, fds)
            case Listen():
                self._listen(fds)
            case ShutDown():
                self._loop.stop()
            case _:
                raise AssertionError(message)


def run_gateway(
    bootstrap: Bootstrap,
    listener: Socket,
    directory: Directory,
    recent: RecentEvents,
    facts: NodeFacts,
) -> int:
    """Run the gateway, in the process just forked; return its exit status."""
    keep = (
        bootstrap.control.fileno(),
        listener.fileno(),
        bootstrap.outlets.log,
        *bootstrap.inherited_fds,
    )
    become_child("otpy: gateway", keep)
    ignore_signals()
    become_worker(bootstrap.parent)
    raise_descriptor_limit()
    limit_memory(MOST_MEMORY)
    return GatewayProcess(bootstrap, listener, directory, recent, facts).run()
