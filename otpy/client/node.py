# Generated from otpy/aio/client/node.py by scripts/generate_blocking.py; do not edit.

"""A running node, as a client sees it."""

import os
import weakref
from collections.abc import Iterable
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from otpy.client.events import EventStream
from otpy.client.gateway import Gateway
from otpy.client.ref import Ref
from otpy.client.replies import absolute, converted, opened_link, stop_arguments, sys_arguments
from otpy.client.running_nodes import not_running, only_node
from otpy.client.statistics import statistics_of
from otpy.client.task_starter import ClientTaskStarter
from otpy.client.trace import TraceStream
from otpy.client.tree import ProcessInfo, tree_of
from otpy.errors import (
    NodeNotFound,
    OtpyError,
    ProcessDown,
    ProtocolError,
)
from otpy.links.deadline import (
    DEFAULT_TIMEOUT_S,
    exit_info_deadline,
    seconds_left,
    until_readable,
    within,
)
from otpy.links.link import Link
from otpy.links.link_table import LinkTable
from otpy.links.multi_call import abcast, multi_call
from otpy.links.protocol import ClientProtocol, LinkProtocol
from otpy.links.supervisor import SupervisorRef
from otpy.system.descriptor import close_all
from otpy.system.nodedir import NodeDir, can_be_name
from otpy.wire import link as wire_link
from otpy.wire.gateway import ReloadResult, Statistics, StopResult, TreeRow
from otpy.wire.sys_messages import SysRequest

if TYPE_CHECKING:
    from otpy.client.tree_spec import TreeSpec
    from otpy.links.messages import Registered

ShapeT = TypeVar("ShapeT")
ServerT = TypeVar("ServerT")


def connect(node: str | None = None, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> "Node":
    """Connect to a running node.

    Args:
        node: Its name; may be left out if only one runs.
        timeout: Seconds to wait for its answer, or None for ever.

    Raises:
        NodeNotFound: It does not run; or no name was given, and not exactly one runs.
        RuntimeDirError: The directory of the nodes' sockets cannot be used.
        CallTimeout: It did not answer.
    """
    name = only_node() if node is None else node
    if not can_be_name(name):
        raise NodeNotFound(not_running(name))
    gateway = Gateway(name, NodeDir(name).control_sock)
    with within(timeout, f"node {name!r} did not answer") as deadline:
        gateway.connect_first(deadline)
    return Node(gateway)


class Node(ClientTaskStarter):
    """A running node. Any number of threads may use it, and it goes on after a fork.

    Get one by `connect`; close it, or use it as a context manager.
    """

    _protocol: type[LinkProtocol] = ClientProtocol

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self._refs: dict[str, Ref] = {}
        self._links: LinkTable[Link] = LinkTable()
        self._streams: weakref.WeakSet[EventStream | TraceStream] = weakref.WeakSet()
        _watch_forks()
        _nodes.add(self)

    def __repr__(self) -> str:
        return f"<Node {self.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __getitem__(self, name: str) -> Ref:
        """Return a reference to a process by its path, or by its id if only one has it.

        Whether there is such a process shows when it is used.
        """
        ref = self._refs.get(name)
        return self._refs.setdefault(name, Ref(self, name)) if ref is None else ref

    def proxy(
        self, name: str, cls: type[ServerT], *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> ServerT:
        """Return the `call` and `cast` methods of a server, with their signatures.

        ``node.proxy("counter", Counter).increment(5)`` is ``node["counter"].call("increment",
        5)``, and a type checker knows what it takes and returns. Nothing else of the class is
        there: an AttributeError at once, or a TypeError for arguments that do not fit.

        Args:
            name: Of the process, as for ``node[name]``.
            cls: The server's class; only its signatures are used.
            timeout: Of each request, in seconds above zero, or None for ever.
        """
        from otpy.server.proxy import Proxy  # noqa: PLC0415 - few clients need the servers' side

        return cast(ServerT, Proxy(self[name], cls, timeout))

    def multi_call(
        self,
        names: Iterable[str],
        request: object,
        *args: object,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> tuple[dict[str, Any], dict[str, OtpyError]]:
        """Call several processes at the same time.

        Args:
            names: Of the processes.
            request: As `Ref.call`'s.
            args: As `Ref.call`'s.
            timeout: Seconds above zero for all of them together, or None for ever.

        Returns:
            The replies by name, and what went wrong by the names of the others.

        Raises:
            NotSendable: MessagePack cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        return multi_call([self[name] for name in dict.fromkeys(names)], (request, *args), timeout)

    def abcast(
        self,
        names: Iterable[str],
        request: object,
        *args: object,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Cast to several processes; one that takes no messages within the time gets none.

        Raises:
            NotSendable: MessagePack cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        abcast([self[name] for name in dict.fromkeys(names)], (request, *args), timeout)

    def lookup(
        self, key: object, *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> "list[Registered]":
        """Return which processes are registered under `key`, the first to register first."""
        from otpy.client import registry  # noqa: PLC0415 - few clients look anything up

        return registry.lookup(self, key, timeout)

    def dispatch(
        self, key: object, message: object, *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> int:
        """Send `message` to the `handle_info` of every process that is registered under `key`.

        Returns:
            How many got it.

        Raises:
            NotSendable: MessagePack cannot carry the key or the message.
        """
        from otpy.client import registry  # noqa: PLC0415 - as above

        return registry.dispatch(self, key, message, timeout)

    @property
    def name(self) -> str:
        """The node's name."""
        return self._gateway.name

    @property
    def pid(self) -> int:
        """The pid of the node."""
        return self._gateway.hello.pid

    @property
    def boot(self) -> str:
        """The run of the node: each of its events has it."""
        return self._gateway.hello.boot

    @property
    def config(self) -> str:
        """The path of the YAML file that the node runs; empty for a program's own tree."""
        return self._gateway.hello.config

    def tree(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ProcessInfo:
        """Return the root supervisor with everything below it."""
        rows = self._ask("tree", {}, timeout, shape=list[TreeRow])
        if not rows:
            raise ProtocolError("the gateway answered with a tree of nothing")
        return tree_of(rows)

    def statistics(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> dict[str, Statistics]:
        """Return by path what the workers do, as their supervisors see it; stuck ones included."""
        return statistics_of(self, timeout)

    def spec(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> "TreeSpec":
        """Return the spec of the tree: what its file said, and what was changed since."""
        from otpy.client.running_spec import spec_of  # noqa: PLC0415 - few clients ask

        return spec_of(self, timeout)

    def supervisor(self, path: str = "") -> SupervisorRef:
        """Return a reference to a supervisor; "" is the root."""
        return SupervisorRef(self, path)

    def events(self, *, follow: bool = False, after: int | None = None) -> EventStream:
        """Iterate over the node's events so far, and with `follow` over those to come.

        Args:
            follow: Whether to wait for those to come.
            after: The `seq` of an event of this run of the node: only what comes after it, with
                an `EventsLost` first if some of that is not kept any more. Without it, all that
                is kept: the last 1,000.
        """
        stream = EventStream(self._gateway, follow=follow, after=after)
        self._streams.add(stream)
        return stream

    def signal(self, name: str, signum: int, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Send a signal to a process of the tree.

        Raises:
            NoProcess: There is no such process.
        """
        arguments = {"name": name, "number": int(signum)}
        self._ask("signal", arguments, timeout, repeatable=False, shape=Any)

    def wait_ready(self, name: str, *, timeout: float | None = None) -> ProcessInfo:
        """Wait until a process runs and is ready, whichever incarnation of it.

        Args:
            name: Of the process; "" is the root supervisor, which is ready when all below it is.
            timeout: Seconds above zero, or None for ever.

        Returns:
            The process, which is running.

        Raises:
            NoProcess: There is none of that name, or it is removed meanwhile.
            StartFailed: It has failed, and stays down until somebody starts it.
            CallTimeout: It is not ready by then.
            NodeNotFound: The node has ended.
        """
        from otpy.client.waiting import wait_until  # noqa: PLC0415 - few clients wait

        (process,) = wait_until(self, [name], "ready", timeout)
        assert process is not None
        return process

    def wait_gone(self, name: str, *, timeout: float | None = None) -> ProcessInfo | None:
        """Wait until a process has ended, and nobody is about to start it again.

        Args:
            name: Of the process.
            timeout: Seconds above zero, or None for ever.

        Returns:
            The process, which is stopped or failed; None if it is not in the tree, or its node has
            ended.

        Raises:
            CallTimeout: It still runs, or will be started again.
        """
        from otpy.client.waiting import wait_until  # noqa: PLC0415 - as above

        (process,) = wait_until(self, [name], "gone", timeout)
        return process

    def reload(
        self, file: str | os.PathLike[str] | None = None, *, timeout: float | None = None
    ) -> ReloadResult:
        """Have the node run what a tree's file says now, and keep what did not change.

        Everything is checked first, what the tree imports included, and nothing is done if anything
        is wrong. Reloads are done one after another.

        Args:
            file: The file; by default the one that the node runs. It is read by the node, with the
                node's environment and directory; so it has to be absolute, or is made so here.
            timeout: Seconds to wait for the end, or None for ever; the node goes on then.

        Returns:
            What was done, in order; nothing if all was as the file says already.

        Raises:
            SpecError: The file is wrong, or the node may not do what it says; nothing was done.
            NotReloaded: A new or changed child failed to start; all is as it was before.
            CallTimeout: It is not done yet.
        """
        given = "" if file is None else absolute(file)
        return self._ask("reload", {"file": given}, timeout, shape=ReloadResult, repeatable=False)

    def scale(self, name: str, instances: int, *, timeout: float | None = None) -> ReloadResult:
        """Change the number of instances of a child, until the next reload of the tree's file.

        New ones are ready when this returns; those that are too many are stopped, the latest first,
        once their messages are answered.

        Raises:
            NoProcess: There is none of that name.
            NotReloaded: A new one failed to start; there are as many as before.
            OtpyError: The child has no instances.
            CallTimeout: It is not done yet; the node goes on.
        """
        arguments = {"child": name, "instances": instances}
        return self._ask("reload", arguments, timeout, shape=ReloadResult, repeatable=False)

    def shutdown(self, *, timeout: float | None = None) -> None:
        """Stop the node in order, and wait until it is gone.

        Raises:
            CallTimeout: It is not gone yet; it goes on stopping.
        """
        with within(timeout, f"node {self.name!r} did not end") as deadline:
            _, fds = self._gateway.ask("shutdown", {}, deadline, repeatable=False)
            try:
                until_readable(fds[0], deadline)
            finally:
                close_all(fds)

    def close(self) -> None:
        """Close the connection. Requests of other threads that are under way finish first."""
        self._gateway.close()
        self._links.close()
        for stream in list(self._streams):
            stream.close()

    # --- for the rest of this package --------------------------------------------------------

    def _ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`; raises `CallTimeout`."""
        with within(timeout, f"node {self.name!r} did not answer") as deadline:
            return self._ask_until(
                operation, arguments, deadline, shape=shape, repeatable=repeatable
            )

    def _ask_until(
        self,
        operation: str,
        arguments: dict[str, Any],
        deadline: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`; raises `TooLate`."""
        answer = self._gateway.ask(operation, arguments, deadline, repeatable=repeatable)
        return converted(operation, answer, shape)

    def _sys_call(
        self, name: str, request: SysRequest, deadline: float | None, shape: type[ShapeT]
    ) -> ShapeT:
        """Ask a server beside its messages; raises `TooLate`."""
        arguments = sys_arguments(name, request)
        return self._ask_until(
            request.operation, arguments, deadline, shape=shape, repeatable=request.repeatable
        )

    def _stop_process(self, name: str, reason: object, deadline: float | None) -> StopResult:
        """Stop a process in order, and return how it ended; raises `TooLate`."""
        row = self._ask_until("whereis", {"name": name}, deadline, shape=TreeRow)
        return self._ask_until("stop", stop_arguments(row, reason), deadline, shape=StopResult)

    def _trace(self, name: str, deadline: float | None) -> TraceStream:
        """Trace a process; raises `NoProcess`, `ProcessDown` and `TooLate`."""
        _, fds = self._gateway.ask("trace", {"name": name}, deadline, repeatable=False)
        stream = TraceStream(*fds)
        self._streams.add(stream)
        return stream

    def _is_running(self, name: str, deadline: float | None) -> bool:
        """Return whether the process runs at this moment; raises `NoProcess` and `TooLate`."""
        row = self._ask_until("whereis", {"name": name}, deadline, shape=TreeRow)
        return row.takes_casts

    def _open_link(self, name: str, deadline: float | None) -> Link:
        """Return a link to a process; wait for one that is being restarted.

        Two names of one process share a link, so that messages keep their order.
        """
        answer = self._gateway.ask(
            "connect", {"name": name, "version": wire_link.VERSION}, deadline
        )
        address, ends, protocol = opened_link("connect", answer, self._protocol())
        where = (address.path, address.pid, address.incarnation)
        link = Link(ends, *where, node_pid=self.pid, protocol=protocol)
        known = self._links.share(link)
        if known is None:
            raise ValueError(f"the connection to node {self.name!r} is closed")
        return known

    def _down_error(self, link: Link, deadline: float | None) -> ProcessDown:
        """Return why a worker ended: as it sent, or as its supervisor knows.

        Raises:
            ProtocolError: The worker did not speak the protocol.
        """
        return link.down_error(self._exit_info, deadline)

    def _exit_info(self, link: Link, deadline: float | None) -> ProcessDown:
        address = {"path": link.path, "incarnation": link.incarnation}
        seconds = seconds_left(exit_info_deadline(deadline))
        try:
            told = self._ask("exit_info", address, seconds, shape=dict[str, str])
        except (OtpyError, OSError, ValueError):
            return ProcessDown("killed")
        if self.pid != link.node_pid:
            return ProcessDown("killed")  # another node's process of the same path
        return ProcessDown(told.get("reason") or "killed", told.get("traceback", ""))

    def _abandon(self) -> None:
        """Forget every connection: to be called in the child after a fork."""
        self._gateway.abandon()
        self._links.abandon()
        self._abandon_tasks()
        for ref in self._refs.values():
            ref._abandon()
        for stream in list(self._streams):
            stream._abandon()


_nodes: Final[weakref.WeakSet[Node]] = weakref.WeakSet()


def _after_fork() -> None:
    """Close what is the parent's: the child makes connections of its own."""
    for node in list(_nodes):
        node._abandon()


@cache
def _watch_forks() -> None:
    """Close connections in every process that is forked from now on; many connect to no node."""
    os.register_at_fork(after_in_child=_after_fork)
