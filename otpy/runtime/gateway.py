"""The gateway: the only process that parses what clients send.

It answers what the directory knows, and sends everything else down the tree. It can be killed
at any time: the node keeps the listening socket, and the next one goes on with the directory
that the node has.
"""

import itertools
import os
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from otpy.core.exits import Raised
from otpy.core.messages import (
    Answer,
    ChildCounts,
    Children,
    ChildRow,
    CountChildren,
    DeleteChild,
    Done,
    GetChildSpec,
    NotStarted,
    Request,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from otpy.core.spec import ChildSpec
from otpy.errors import CallTimeout, NoProcess, OtpyError, ProtocolError, StartFailed
from otpy.events import ChildEnded, ChildStartFailed, Event, event_to_data
from otpy.runtime.child import control_channel
from otpy.runtime.clients import Client
from otpy.runtime.directory import GATEWAY, Directory, Entry
from otpy.runtime.place import Place
from otpy.runtime.reports import child_path
from otpy.system.channel import ChannelFull, close_all
from otpy.system.loop import Loop, Timer
from otpy.system.spawn import become_child, become_worker, raise_descriptor_limit
from otpy.wire.control import (
    Answered,
    Ask,
    Introduce,
    Introduced,
    Lost,
    Path,
    Publish,
    Ready,
    SendSignal,
    ShutDown,
    StopNode,
)
from otpy.wire.gateway import VERSION, GatewayRequest

_PEER_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a client is told of the node in the answer to its hello."""

    node: str
    pid: int
    config: str


@dataclass(slots=True)
class Pending:
    """A request of a client that the tree has not answered yet.

    `fds` are the client's ends of a link under way.
    """

    client: Client
    number: int
    path: Path
    entry: str
    fds: tuple[int, ...] = ()
    timer: Timer | None = None

    def done(self) -> None:
        """Forget the deadline."""
        if self.timer is not None:
            self.timer.cancel()


class Gateway:
    """Serves the clients.

    Args:
        place: Where it stands; its supervisor is the node.
        listener: The listening socket.
        directory: What the node knows at the time of the fork.
        recent: The latest events, oldest first.
        facts: What a client is told of the node.
    """

    def __init__(
        self,
        place: Place,
        listener: socket.socket,
        directory: Directory,
        recent: Iterable[Event],
        facts: NodeFacts,
    ) -> None:
        self._loop = Loop()
        self._directory, self._facts = directory, facts
        self._recent = list(recent)
        self._node = control_channel(place.control)
        self._node_pidfd = os.pidfd_open(place.parent)
        self._listener = listener
        self._tokens = itertools.count(1)
        self._clients: dict[Client, None] = {}
        self._pending: dict[int, Pending] = {}
        self._followers: dict[tuple[Client, int], None] = {}
        self._fates: dict[tuple[str, int], list[Pending]] = {}
        self._operations: Mapping[str, Callable[[Client, int, dict[str, Any]], None]] = {
            "hello": self._hello,
            "whereis": self._whereis,
            "tree": self._tree,
            "connect": self._connect,
            "supervisor": self._supervisor,
            "signal": self._signal,
            "fate": self._fate,
            "events": self._events,
            "shutdown": self._shutdown,
        }

    def run(self) -> int:
        """Serve until the node says otherwise or is gone; tell the exit status."""
        self._node.attach(self._loop, self._heard, self._loop.stop)
        self._listener.setblocking(False)
        self._loop.watch(self._listener.fileno(), self._accept)
        self._node.send(Ready())
        self._loop.run()
        return 0

    # ---- connections -------------------------------------------------------------------------

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:
            self._make_room()
            return
        if _peer_uid(connection) not in (os.geteuid(), 0):
            connection.close()
            return
        client = Client(connection, self._loop, self._requested, self._closed)
        self._clients[client] = None

    def _make_room(self) -> None:
        """Out of descriptors: drop the connection that has been silent for longest."""
        silent = next((client for client in self._clients if not client.greeted), None)
        if silent is None:
            silent = next(iter(self._clients), None)
        if silent is not None:
            silent.close()

    def _closed(self, client: Client) -> None:
        del self._clients[client]
        for token, pending in tuple(self._pending.items()):
            if pending.client is client:
                del self._pending[token]
                pending.done()
                close_all(pending.fds)
        for follower in tuple(self._followers):
            if follower[0] is client:
                del self._followers[follower]
        for key, waiting in tuple(self._fates.items()):
            self._fates[key] = [pending for pending in waiting if pending.client is not client]

    def _requested(self, client: Client, request: GatewayRequest) -> None:
        operation = self._operations.get(request.operation)
        if operation is None or (not client.greeted and request.operation != "hello"):
            raise ProtocolError(f"unexpected operation {request.operation!r:.40}")
        try:
            operation(client, request.number, request.arguments)
        except OtpyError as error:
            client.fail(request.number, error)
        except OSError as error:
            client.fail(request.number, OtpyError(f"the gateway cannot serve this: {error}"))
        except (KeyError, TypeError, ValueError) as error:
            problem = f"{request.operation}: bad arguments: {error!r:.200}"
            client.fail(request.number, ProtocolError(problem))

    # ---- what the directory answers ----------------------------------------------------------

    def _hello(self, client: Client, number: int, _arguments: dict[str, Any]) -> None:
        client.greet()
        facts = self._facts
        value = {
            "node": facts.node,
            "pid": facts.pid,
            "config": facts.config,
            "version": VERSION,
        }
        client.reply(number, value)

    def _whereis(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        client.reply(number, self._directory.resolve(str(arguments["name"])).row())

    def _tree(self, client: Client, number: int, _arguments: dict[str, Any]) -> None:
        client.reply(number, self._directory.rows())

    def _fate(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        path, incarnation = str(arguments["path"]), int(arguments["incarnation"])
        fate = self._directory.fate(path, incarnation)
        if fate is not None:
            client.reply(number, {"reason": fate.reason, "traceback": fate.traceback})
            return
        entry = self._directory.find(path)
        if entry is None or entry.incarnation != incarnation or entry.pid is None:
            raise NoProcess(f"nothing is known of incarnation {incarnation} of {path!r}")
        waiting = Pending(client, number, (), path)
        self._fates.setdefault((path, incarnation), []).append(waiting)

    def _events(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        for event in self._recent:
            client.event(number, event_to_data(event))
        if client.closed:
            return
        if arguments.get("follow"):
            self._followers[client, number] = None
        else:
            client.reply(number, None)

    def _happened(self, event: Event) -> None:
        self._directory.apply(event)
        self._recent = [*self._recent[-999:], event]
        if self._followers:
            data = event_to_data(event)
            for client, number in tuple(self._followers):
                client.event(number, data)
        if isinstance(event, ChildEnded | ChildStartFailed):
            for waiting in self._fates.pop((event.path, event.incarnation), ()):
                fate = {"reason": event.reason, "traceback": event.traceback}
                waiting.client.reply(waiting.number, fate)

    # ---- what the tree answers ---------------------------------------------------------------

    def _connect(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        entry = self._directory.resolve(str(arguments["name"]))
        pending = Pending(client, number, self._way_to(entry), entry.path)
        if (timeout := arguments.get("timeout")) is not None:
            pending.timer = self._loop.call_later(float(timeout), partial(self._late, pending))
        self._introduce(pending)

    def _introduce(self, pending: Pending) -> None:
        ours, theirs = link_pipes()
        pending.fds = ours
        token = next(self._tokens)
        self._pending[token] = pending
        self._send(token, Introduce(token, pending.path), theirs)

    def _supervisor(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        path = str(arguments.get("path", ""))
        entry = self._directory.resolve(path)
        if entry.kind != "supervisor":
            raise NoProcess(f"{path!r} is a {entry.kind}, not a supervisor")
        request = _core_request(str(arguments["op"]), arguments)
        self._ask(Pending(client, number, self._way_to(entry), entry.path), request)

    def _signal(self, client: Client, number: int, arguments: dict[str, Any]) -> None:
        entry = self._directory.resolve(str(arguments["name"]))
        self._ask(
            Pending(client, number, self._way_to(entry), entry.path),
            SendSignal(int(arguments["number"])),
        )

    def _ask(self, pending: Pending, request: Request | SendSignal) -> None:
        token = next(self._tokens)
        self._pending[token] = pending
        self._send(token, Ask(token, pending.path, request))

    def _shutdown(self, client: Client, number: int, _arguments: dict[str, Any]) -> None:
        client.reply(number, None, (os.dup(self._node_pidfd),))
        self._node.send(StopNode())

    def _way_to(self, entry: Entry) -> Path:
        """Tell the ids from the node down to a process."""
        if entry.path == GATEWAY:
            return ("gateway",)
        return ("tree", *entry.path.split("/")) if entry.path else ("tree",)

    def _send(self, token: int, message: object, fds: tuple[int, ...] = ()) -> None:
        try:
            self._node.send(message, fds)
        except ChannelFull:
            self._failed(self._pending.pop(token), CallTimeout("the node does not answer"))

    def _failed(self, pending: Pending, error: OtpyError) -> None:
        pending.done()
        close_all(pending.fds)
        pending.client.fail(pending.number, error)

    def _late(self, late: Pending) -> None:
        for token, pending in tuple(self._pending.items()):
            if pending is late:
                del self._pending[token]
                self._failed(pending, CallTimeout(f"{pending.entry!r} did not come up in time"))

    # ---- what the node says ------------------------------------------------------------------

    def _heard(self, message: object, fds: tuple[int, ...]) -> None:
        match message:
            case Publish(events=events):
                for event in events:
                    self._happened(event)
            case Introduced(token=token, pid=pid, incarnation=incarnation):
                self._introduced(token, pid, incarnation, fds)
            case Answered(token=token, answer=answer, pids=pids):
                if (pending := self._pending.pop(token, None)) is not None:
                    self._answered(pending, answer, pids)
            case ShutDown():
                self._loop.stop()
            case _:
                raise AssertionError(message)

    def _introduced(self, token: int, pid: int, incarnation: int, fds: tuple[int, ...]) -> None:
        pending = self._pending.pop(token, None)
        if pending is None or not fds:
            close_all(fds)
            if pending is not None:
                self._failed(pending, NoProcess("out of descriptors"))
            return
        pending.done()
        value = {"path": pending.entry, "pid": pid, "incarnation": incarnation}
        pending.client.reply(pending.number, value, (*pending.fds, *fds))

    def _answered(
        self, pending: Pending, answer: Answer | OtpyError | Lost, pids: dict[str, int]
    ) -> None:
        match answer:
            case Lost():
                close_all(pending.fds)
                self._introduce(pending)
            case OtpyError():
                self._failed(pending, answer)
            case NotStarted(reason=reason):
                traceback = reason.traceback if isinstance(reason, Raised) else ""
                self._failed(pending, StartFailed(str(reason), traceback))
            case _:
                pending.done()
                pending.client.reply(pending.number, self._plain(pending.entry, answer, pids))

    def _plain(self, path: str, answer: Answer, pids: dict[str, int]) -> object:
        """Turn what the supervisor at `path` answered into plain data."""
        match answer:
            case Done(id=id_, incarnation=incarnation):
                state = "undefined" if incarnation is None else "running"
                entry = self._directory.find(child_path(path, id_))
                kind = "supervisor" if entry and entry.kind == "supervisor" else "worker"
                return _plain_row(ChildRow(id_, state, kind, incarnation or 0), pids)
            case Children(rows=rows):
                return [_plain_row(row, pids) for row in rows]
            case ChildCounts():
                return asdict(answer)
            case ChildSpec():
                from otpy.config import child_to_data  # noqa: PLC0415

                return child_to_data(answer)
            case _:
                raise AssertionError(answer)


_ABOUT_ONE_CHILD: Final[Mapping[str, Callable[[str], Request]]] = {
    "terminate_child": TerminateChild,
    "restart_child": RestartChild,
    "delete_child": DeleteChild,
    "get_childspec": GetChildSpec,
}


def _core_request(operation: str, arguments: dict[str, Any]) -> Request:
    match operation:
        case "which_children":
            return WhichChildren()
        case "count_children":
            return CountChildren()
        case "start_child":
            # It costs memory, and most gateways never need it.
            from otpy.config import child_from_data  # noqa: PLC0415

            return StartChild(child_from_data(arguments["spec"]))
        case _ if operation in _ABOUT_ONE_CHILD:
            return _ABOUT_ONE_CHILD[operation](str(arguments["child"]))
        case _:
            raise ProtocolError(f"unknown supervisor operation {operation!r:.40}")


def _plain_row(row: ChildRow, pids: dict[str, int]) -> dict[str, object]:
    running = row.state == "running"
    return {
        "id": row.id,
        "state": row.state,
        "kind": row.kind,
        "pid": pids.get(row.id) if running else None,
        "incarnation": row.incarnation,
    }


def _peer_uid(connection: socket.socket) -> int:
    option = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    _pid, uid, _gid = _PEER_CREDENTIALS.unpack(option)
    return int(uid)


def link_pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    """Make the two pipes of a link: read end and write end of either side.

    Raises:
        OSError: There are too many open files; none is left open.
    """
    ours_read, theirs_write = os.pipe()
    try:
        theirs_read, ours_write = os.pipe()
    except OSError:
        close_all((ours_read, theirs_write))
        raise
    return (ours_read, ours_write), (theirs_read, theirs_write)


def be_gateway(
    place: Place,
    listener: socket.socket,
    directory: Directory,
    recent: Iterable[Event],
    facts: NodeFacts,
) -> int:
    """Be the gateway, in the process just forked; tell its exit status."""
    keep = (place.control, listener.fileno(), *place.leashes)
    become_child("otpy: gateway", keep, output=None)
    become_worker(place.parent)
    raise_descriptor_limit()
    return Gateway(place, listener, directory, recent, facts).run()
