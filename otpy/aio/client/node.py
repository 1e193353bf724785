"""A running node, as a client on an asyncio event loop sees it."""

import asyncio
import contextlib
import os
import weakref
from collections.abc import Generator, Iterable
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from otpy.aio.client.events import EventStream
from otpy.aio.client.gateway import Gateway
from otpy.aio.client.ref import Ref
from otpy.aio.client.trace import TraceStream
from otpy.aio.links.deadline import within
from otpy.aio.links.link import Link
from otpy.aio.links.link_table import LinkTable
from otpy.aio.links.multi_call import abcast, multi_call
from otpy.aio.links.pid_ref import PidRef
from otpy.aio.links.supervisor import SupervisorRef
from otpy.client.gateway import not_running, only_node
from otpy.client.registry import Entry
from otpy.client.replies import converted, inquiry, introduced, stop_order
from otpy.client.tree import ProcessInfo, tree_of
from otpy.errors import CallTimeout, NodeNotFound, NoProcess, OtpyError, ProcessDown, ProtocolError
from otpy.links.deadline import DEFAULT_TIMEOUT_S, exit_info_deadline, seconds_left
from otpy.links.messages import Registered
from otpy.links.protocol import ClientProtocol, LinkProtocol
from otpy.server.proxy import Proxy
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.nodedir import NodeDir, can_be_name
from otpy.wire import link as say
from otpy.wire.gateway import Statistics, Stopped, TreeRow
from otpy.wire.keys import key_bytes
from otpy.wire.sys_messages import Inquiry, ReplaceState

ShapeT = TypeVar("ShapeT")
ServerT = TypeVar("ServerT")


def connect(node: str | None = None, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> "Connecting":
    """Connect to a running node; what comes back is to be awaited, or entered by ``async with``.

    Args and what is raised are those of `otpy.connect`.
    """
    return Connecting(node, timeout)


class Connecting:
    """What `connect` returns: to be awaited, or entered."""

    def __init__(self, name: str | None, timeout: float | None) -> None:
        self._name, self._timeout = name, timeout
        self._node: Node | None = None

    def __await__(self) -> "Generator[Any, None, Node]":
        return self._connect().__await__()

    async def __aenter__(self) -> "Node":
        self._node = await self._connect()
        return self._node

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._node is not None
        await self._node.close()

    async def _connect(self) -> "Node":
        name = only_node() if self._name is None else self._name
        if not can_be_name(name):
            raise NodeNotFound(not_running(name))
        gateway = Gateway(name, NodeDir(name).control_sock)
        async with within(self._timeout, f"node {name!r} did not answer"):
            await gateway.connect_first()
        return Node(gateway)


class Node:
    """A running node. Any number of tasks of the event loop that it was connected in may use it.

    Get one by `connect`; close it, or use it as an async context manager. In a process forked
    since, it is closed.
    """

    protocol: type[LinkProtocol] = ClientProtocol

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._refs: dict[str, Ref] = {}
        self._links = LinkTable()
        self._streams: weakref.WeakSet[EventStream | TraceStream] = weakref.WeakSet()
        self._task_links: weakref.WeakSet[Link] = weakref.WeakSet()
        self._closed = False
        _nodes.add(self)

    def __repr__(self) -> str:
        return f"<Node {self.name}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __getitem__(self, name: str) -> Ref:
        """Return a reference to a process by its path, or by its id if only one has it.

        Whether there is such a process shows when it is used.
        """
        ref = self._refs.get(name)
        return self._refs.setdefault(name, Ref(self, name)) if ref is None else ref

    def proxy(
        self, name: str, cls: type[ServerT], *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> ServerT:
        """Return the `call` and `cast` methods of a server, each to be awaited.

        A type checker knows that of ``async def`` methods only.
        """
        return cast(ServerT, Proxy(self[name], cls, timeout))

    async def multi_call(
        self,
        names: Iterable[str],
        request: object,
        *args: object,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> tuple[dict[str, Any], dict[str, OtpyError]]:
        """Call several processes at the same time; as `otpy.Node.multi_call`."""
        refs = [self[name] for name in dict.fromkeys(names)]
        return await multi_call(refs, (request, *args), timeout)

    async def abcast(
        self,
        names: Iterable[str],
        request: object,
        *args: object,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Cast to several processes; who takes no messages within the time gets none."""
        await abcast([self[name] for name in dict.fromkeys(names)], (request, *args), timeout)

    async def lookup(
        self, key: object, *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> list[Registered]:
        """Tell which processes are registered under `key`, the first to register first."""
        return [entry.told() for entry in await self._entries(key, timeout)]

    async def dispatch(
        self, key: object, message: object, *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> int:
        """Send `message` to the `handle_info` of all registered under `key`; tell how many got it.

        As `otpy.Node.dispatch`.
        """
        data = ClientProtocol().info(message)

        async def post(entry: Entry) -> bool:
            path, incarnation = entry.who
            return await self[path].post(incarnation, data, timeout)

        return sum(await asyncio.gather(*map(post, await self._entries(key, timeout))))

    async def statistics(
        self, *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> dict[str, Statistics]:
        """Tell by path what the workers do; as `otpy.Node.statistics`."""
        tree = await self.tree(timeout=timeout)
        asked = [each.path for each in tree if each.kind == "supervisor" and each.pid is not None]

        async def ask(path: str) -> list[Statistics]:
            arguments = {"name": path, "below": True}
            try:
                return await self.ask("statistics", arguments, timeout, shape=list[Statistics])
            except (CallTimeout, NoProcess, ProcessDown):
                return []

        answers = await asyncio.gather(*map(ask, asked))
        return {row.path: row for rows in answers for row in rows}

    async def _entries(self, key: object, timeout: float | None) -> list[Entry]:
        return await self.ask("lookup", {"key": key_bytes(key)}, timeout, shape=list[Entry])

    @property
    def name(self) -> str:
        """The node's name."""
        return self._gateway.name

    @property
    def pid(self) -> int:
        """The pid of the node."""
        return self._gateway.hello.pid

    @property
    def config(self) -> str:
        """The path of the YAML file that the node runs."""
        return self._gateway.hello.config

    async def tree(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ProcessInfo:
        """Return the root supervisor with everything below it."""
        rows = await self.ask("tree", {}, timeout, shape=list[TreeRow])
        if not rows:
            raise ProtocolError("the gateway answered with a tree of nothing")
        return tree_of(rows)

    def supervisor(self, path: str = "") -> SupervisorRef:
        """Return a reference to a supervisor; "" is the root."""
        return SupervisorRef(self, path)

    def events(self, *, follow: bool = False) -> EventStream:
        """Iterate over the node's events so far, and with `follow` over those to come."""
        stream = EventStream(self._gateway, follow=follow)
        self._streams.add(stream)
        return stream

    async def signal(
        self, name: str, signum: int, *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> None:
        """Send a signal to a process of the tree.

        Raises:
            NoProcess: There is no such process.
        """
        arguments = {"name": name, "number": int(signum)}
        await self.ask("signal", arguments, timeout, repeatable=False, shape=Any)

    async def shutdown(self, *, timeout: float | None = None) -> None:
        """Stop the node in order, and wait until it is gone.

        Raises:
            CallTimeout: It is not gone yet; it goes on stopping.
        """
        async with within(timeout, f"node {self.name!r} did not end"):
            _, fds = await self._gateway.ask("shutdown", {}, repeatable=False)
            try:
                await _readable(fds[0])
            finally:
                close_all(fds)

    async def close(self) -> None:
        """Close the connection. Requests of other tasks that are under way finish first."""
        self._closed = True
        self._gateway.close()
        self._links.close()
        for stream in tuple(self._streams):
            await stream.aclose()

    # --- for the rest of this package --------------------------------------------------------

    async def ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`; raises `CallTimeout`."""
        async with within(timeout, f"node {self.name!r} did not answer") as deadline:
            return await self.ask_until(
                operation, arguments, deadline, shape=shape, repeatable=repeatable
            )

    async def ask_until(
        self,
        operation: str,
        arguments: dict[str, Any],
        deadline: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`."""
        answer = await self._gateway.ask(operation, arguments, deadline, repeatable=repeatable)
        return converted(operation, answer, shape)

    async def oversee(
        self, name: str, request: Inquiry, deadline: float | None, shape: type[ShapeT]
    ) -> ShapeT:
        """Ask a server beside its messages."""
        operation, arguments = inquiry(name, request)
        repeatable = not isinstance(request, ReplaceState)
        return await self.ask_until(
            operation, arguments, deadline, shape=shape, repeatable=repeatable
        )

    async def stop_process(self, name: str, reason: object, deadline: float | None) -> Stopped:
        """Have a process end in order, and tell how it ended."""
        row = await self.ask_until("whereis", {"name": name}, deadline, shape=TreeRow)
        return await self.ask_until("stop", stop_order(row, reason), deadline, shape=Stopped)

    async def start_task(self, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
        """Have a supervisor start a task, and get a reference to that very process."""
        arguments = {"supervisor": supervisor, "shutdown": shutdown, "linked": linked}
        # Repeated if the gateway is killed: a task that nobody has a link to ends by itself.
        answer = await self._gateway.ask("start_task", arguments)
        who, ends, protocol = introduced("start_task", answer, self.protocol())
        where = (who.path, who.pid, who.incarnation)
        link = Link(ends, *where, node_pid=self.pid, protocol=protocol)
        self._task_links.add(link)
        return PidRef(self, link)

    async def terminate_children(self, supervisor: str, ids: list[str]) -> None:
        """Stop children; those that have ended, with their supervisor or alone, are no mistake."""
        with contextlib.suppress(NoProcess, ProcessDown):
            await self.supervisor(supervisor).terminate_children(ids)

    async def trace(self, name: str) -> TraceStream:
        """Trace a process; raises `NoProcess` and `ProcessDown`."""
        _, fds = await self._gateway.ask("trace", {"name": name}, repeatable=False)
        stream = TraceStream(*fds)
        self._streams.add(stream)
        return stream

    async def is_running(self, name: str) -> bool:
        """Tell whether the process runs at this moment; raises `NoProcess`."""
        answer = await self._gateway.ask("whereis", {"name": name})
        return converted("whereis", answer, TreeRow).takes_casts

    async def introduce(self, name: str, deadline: float | None) -> Link:
        """Get a link to a process; waits for one that is being restarted."""
        answer = await self._gateway.ask("connect", {"name": name, "speaks": say.VERSION}, deadline)
        who, ends, protocol = introduced("connect", answer, self.protocol())
        if self._closed:
            close_all(ends)
            raise ValueError(f"the connection to node {self.name!r} is closed")
        where = (who.path, who.pid, who.incarnation)
        link = Link(ends, *where, node_pid=self.pid, protocol=protocol)
        return self._links.share(link)

    async def down_error(self, link: Link, deadline: float | None) -> ProcessDown:
        """Tell why a worker ended: it said so, or its supervisor knows.

        Raises:
            ProtocolError: The worker did not speak the protocol.
        """
        return await link.down_error(self._exit_info, deadline)

    async def _exit_info(self, link: Link, deadline: float | None) -> ProcessDown:
        seconds = seconds_left(exit_info_deadline(deadline))
        who = {"path": link.path, "incarnation": link.incarnation}
        try:
            told = await self.ask("exit_info", who, seconds, shape=dict[str, str])
        except (OtpyError, OSError, ValueError):
            return ProcessDown("killed")
        if self.pid != link.node_pid:
            return ProcessDown("killed")  # another node's process of the same path
        return ProcessDown(told.get("reason") or "killed", told.get("traceback", ""))

    def abandon(self) -> None:
        """Close everything: to be called in the child after a fork."""
        self._closed = True
        self._gateway.abandon()
        self._links.abandon()
        for link in tuple(self._task_links):
            link.abandon()
        for ref in self._refs.values():
            ref.abandon()
        for stream in tuple(self._streams):
            stream.abandon()


async def _readable(descriptor: Descriptor) -> None:
    loop = asyncio.get_running_loop()
    comes = asyncio.Event()
    loop.add_reader(descriptor.fileno(), comes.set)
    try:
        await comes.wait()
    finally:
        loop.remove_reader(descriptor.fileno())


_nodes: Final[weakref.WeakSet[Node]] = weakref.WeakSet()


def _after_fork() -> None:
    """Let go of what is the parent's: the child has no event loop to use it in."""
    for node in list(_nodes):
        node.abandon()


os.register_at_fork(after_in_child=_after_fork)
