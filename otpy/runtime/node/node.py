"""The node: the supervisor at the top. It owns the lock, the socket and the signals.

Its two children are the gateway and the tree. It never parses what clients send and never
imports user code.
"""

import contextlib
import dataclasses
import os
import signal
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from msgspec.structs import replace

from otpy.core.event_handler import EventHandler
from otpy.core.exits import ExitReason, FailedToStartChild
from otpy.core.messages import BootAsked, HaltAsked, StopAsked
from otpy.core.numbers import Numbers
from otpy.core.spec import (
    INFINITY,
    AutoShutdown,
    ChildSpec,
    Restart,
    RestartIntensity,
    Retries,
    ServerStart,
    SupervisorSpec,
    sockets_of,
)
from otpy.errors import OtpyError
from otpy.events import (
    AutoShutdown as AutoShutdownEvent,
)
from otpy.events import (
    ChildEnded,
    ChildrenArranged,
    ChildrenDeclared,
    ChildStartFailed,
    ChildStarting,
    ChildStopping,
    EssentialEnded,
    Event,
    EventHandlerFailed,
    FilesRestored,
    GaveUp,
    NameTaken,
    NodeStarted,
    NodeStopped,
    NodeStopping,
)
from otpy.runtime.bootstrap import Bootstrap, Outlets
from otpy.runtime.directory import Directory
from otpy.runtime.exit_watch import ExitWatchers
from otpy.runtime.gateway.gateway import NodeFacts, run_gateway
from otpy.runtime.logger.logger import LogSocket, run_logger
from otpy.runtime.node.command import NodeTree
from otpy.runtime.node.end_recorder import EndRecorder
from otpy.runtime.node.essential import exit_code, is_essential
from otpy.runtime.node.file_watch import FileWatch
from otpy.runtime.node.node_files import NodeFiles
from otpy.runtime.node.owner_report import OwnerReport
from otpy.runtime.node.reading import FileReader
from otpy.runtime.node.reloader import Job, Reloader, SocketChange
from otpy.runtime.node.worker_requests import RequestHandler
from otpy.runtime.node_log import Source
from otpy.runtime.recent_events import RecentEvents
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.supervisor import Supervisor
from otpy.runtime.supervisor.tree_supervisor import run_supervisor
from otpy.system.descriptor import Descriptor, pipe
from otpy.system.message_socket import MessageSocket, NotSent, SocketClosed, SocketFull
from otpy.system.proctitle import name_process
from otpy.system.signals import Terminal, handled_signals
from otpy.system.sockets import Socket, accepted
from otpy.system.wait import signal_name
from otpy.wire.control import (
    Answered,
    Ask,
    GetSockets,
    HandlerFailed,
    Listen,
    NodeReply,
    NodeRequest,
    OpenLink,
    Publish,
    RawReply,
    ReloadNode,
    StopNode,
)
from otpy.wire.log_lines import complaint_line, log_line
from otpy.wire.paths import NODE, ON_EVENT, child_path

if TYPE_CHECKING:
    from otpy.runtime.node.follower import Follower
    from otpy.runtime.node.sockets import HeldSockets

_MIN_RESTARTS: Final = 10
_RETRIES: Final = Retries(RestartIntensity(10, 10.0), delay=1.0)
_LAST_LINES_S: Final = 1.0

_MOST_LATEST: Final = 64

E = TypeVar("E")

_QUIET = (ChildrenArranged, ChildrenDeclared, ChildStarting, ChildStopping, NameTaken)


def node_spec(tree: SupervisorSpec) -> SupervisorSpec:
    """Describe the node as the supervisor that it is.

    The tree may be restarted as often as its own limits say, and at least ten times in that
    period. The ends of gateway and logger never end the tree, however many they are.
    """
    limit = tree.intensity
    most = None if limit.max_restarts is None else max(limit.max_restarts, _MIN_RESTARTS)
    intensity = RestartIntensity(most, limit.max_seconds)
    start = ServerStart("otpy.runtime")  # never called: see `child_main`
    handling = ServerStart("otpy.runtime", tree.on_event)  # anew with each other handler
    logger = ChildSpec("logger", start, shutdown=5.0, retries=_RETRIES)
    gateway = ChildSpec("gateway", start, shutdown=5.0, retries=_RETRIES)
    root = ChildSpec("tree", tree, Restart.TRANSIENT, INFINITY, significant=True)
    on_event = ChildSpec("on_event", handling, shutdown=5.0, retries=_RETRIES)
    handlers = (on_event,) if tree.on_event else ()
    return SupervisorSpec(
        intensity=intensity,
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        children=(logger, *handlers, gateway, root),  # the logger is stopped last
    )


class NodeEnd(NamedTuple):
    """How a node ended: why not well, or "", and its exit status."""

    complaint: str
    status: int


class NodeProcess(Supervisor):
    """Runs a tree until it is asked to stop or the tree gives up.

    Args:
        tree: The tree that it runs.
        node_files: The files of the node in its folder.
        log_socket: Where its processes log.
        preexisting_children: Pids of children that this process has but does not supervise.
        owner: The program that runs the node, if one does: the node stops when that ends.
        followers: What is told of all that happens.
        real: Its own stdout and stderr, whatever these are.
        sockets: Those of the tree's supervisors, if it has any.
    """

    def __init__(
        self,
        tree: NodeTree,
        node_files: NodeFiles,
        log_socket: LogSocket,
        preexisting_children: set[int] | None = None,
        owner: OwnerReport | None = None,
        *,
        followers: "Sequence[Follower]" = (),
        real: tuple[int, int],
        sockets: "HeldSockets | None" = None,
    ) -> None:
        outlets = Outlets(log_socket.writer.fileno(), *real)
        self._owner = owner or OwnerReport(None)
        self._followers = tuple(followers)
        inherited_fds = (node_files.lock.fileno(), *node_files.claim.for_the_tree)
        super().__init__(
            Source(NODE, 1),
            node_spec(tree.spec),
            inherited_fds,
            Numbers(),
            preexisting_children,
            outlets=outlets,
        )
        self._name, self._files, self._log_socket = tree.name, node_files, log_socket
        self._sockets = sockets
        self._facts = NodeFacts(tree.name, os.getpid(), tree.config, node_files.boot)
        self._directory = Directory()
        self._directory.expect("", tree.spec)
        exit_watchers = ExitWatchers(self._directory)
        self._requests = RequestHandler(
            self._directory, exit_watchers, self.router, self._publish_now
        )
        self._recent = RecentEvents()
        self._handed = 0
        searched = () if tree.owner is None else tree.owner.searched
        files = FileReader(self.loop, lambda: self.processes.helpers, tree.name, searched)
        self._reloader = Reloader(self, tree.name, self._directory, files)
        self._ends = EndRecorder(node_files.ends, node_files.boot)
        self._gave_up: OrderedDict[str, GaveUp] = OrderedDict()
        self._last_end: OrderedDict[str, ChildEnded] = OrderedDict()
        self._ended_by: ChildEnded | None = None
        self._codes: OrderedDict[str, int] = OrderedDict()
        self._giving_up: set[str] = set()
        self._essential: EssentialEnded | None = None
        self._stops = 0
        self._started_at = time.time()

    def run(self) -> NodeEnd:
        """Run the node; return how it ended."""
        name_process(f"otpy: node {self._name}")
        self._handle_signals()
        self._keep_files()
        self._watch_owner()
        self._note_an_earlier_end()
        self._begin_followers()
        self.handle_event(BootAsked())
        self.loop.run()
        self.send_published()
        assert self.result is not None
        complaint = self._complaint(self.result)
        outcome = complaint or "in order"
        stopped = NodeStopped(at=time.time(), path=NODE, node=self._name, reason=outcome)
        self._ends.node_ended(stopped, os.getpid(), self._started_at)
        self.deliver((stopped,))
        self.stdout.finish(_LAST_LINES_S)
        self._log_socket.finish(self.log)
        if self._sockets is not None:
            self._sockets.close()
        return NodeEnd(complaint and f"{self._name} {complaint}", self._status(complaint))

    def _begin_followers(self) -> None:
        if not self._followers:
            return
        # Not above: every process of the node would have it.
        from otpy.runtime.node.follower import Followed  # noqa: PLC0415

        node = Followed(
            self._name,
            self.loop,
            self._directory,
            self.stdout,
            self.log,
            self._stop_once,
            self.publish,
        )
        for follower in self._followers:
            follower.begin(node)

    # ---- signals -----------------------------------------------------------------------------

    def _handle_signals(self) -> None:
        """Have signals wake the loop: a Python handler must exist, but does nothing."""
        self._terminal = Terminal()
        self._signals, self._signalling = pipe(blocking=False)
        signal.set_wakeup_fd(self._signalling.fileno(), warn_on_full_buffer=False)
        for number in handled_signals():
            signal.signal(number, lambda _number, _frame: None)
        self.loop.watch(
            self._signals,
            lambda _events: self._signalled(os.read(self._signals.fileno(), 64)),
        )

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGHUP and not self._terminal.has_gone():
                self._reloader.hang_up()
                continue
            self._stop(f"{signal_name(number)} received")

    def _watch_owner(self) -> None:
        program, requests = self._owner.program, self._owner.requests

        def ended(_events: int) -> None:
            assert program is not None
            program.close()  # which is waited for no more
            self._stop_once("the program that runs it has ended")

        def asked(_events: int) -> None:
            assert requests is not None
            if not os.read(requests.fileno(), 1):
                requests.close()
            self._stop_once(f"asked to by {self._owner.asker}")

        if program is not None:
            self.loop.watch(program, ended)
        if requests is not None:
            self.loop.watch(requests, asked)

    def _stop_once(self, why: str) -> None:
        if not self._stops:
            self._stop(why)

    def _stop(self, why: str) -> None:
        self._stops += 1
        if self._stops == 1:
            self.publish(NodeStopping(at=time.time(), path=NODE, node=self._name, why=why))
            self.handle_event(StopAsked(for_good=True))
        else:
            why = f"{why} again: killing what is left"
            self.publish(NodeStopping(at=time.time(), path=NODE, node=self._name, why=why))
            self.handle_event(HaltAsked())

    # ---- reloads -----------------------------------------------------------------------------

    @property
    def config(self) -> str:
        """The tree's file; empty if it is of none."""
        return self._facts.config

    @property
    def tree(self) -> SupervisorSpec:
        """The spec that the tree would be started with."""
        start = next(child.start for child in self.spec.children if child.id == "tree")
        assert isinstance(start, SupervisorSpec)
        return start

    def node_spec(self, tree: SupervisorSpec) -> SupervisorSpec:
        """Return the spec of a node that runs `tree`."""
        return node_spec(tree)

    def change_sockets(self, tree: SupervisorSpec) -> SocketChange:
        """Have the sockets of `tree` from now on; raises OSError if they cannot be opened."""
        if self._sockets is None and not sockets_of(tree):
            return _NoChange()
        if self._sockets is None:
            # Not above: nodes without sockets do without it.
            from otpy.runtime.node.sockets import HeldSockets  # noqa: PLC0415

            self._sockets = HeldSockets(SupervisorSpec())
        return self._sockets.change(tree)

    def runs(self, config: str) -> None:
        """Note that another file is run from now on."""
        if config != self._facts.config:
            self._facts = dataclasses.replace(self._facts, config=config)
            self._files.runs(config)

    # ---- files -------------------------------------------------------------------------------

    def _keep_files(self) -> None:
        """Restore files that are removed, and answer whether the node lives."""
        self._files.event_file.complain = lambda why: self._say(f"cannot write events: {why}")
        self._files.ends.complain = lambda why: self._say(f"cannot write how processes end: {why}")
        FileWatch(self._files, self.loop, self._restored, self._say).start()
        if (claim := self._files.claim.listener) is not None:
            self.loop.watch(claim, lambda _events: _accept_and_close(claim))

    def _restored(self, files: tuple[str, ...], listens_anew: bool) -> None:
        if listens_anew and (gateway := self.children.present("gateway")) is not None:
            listener = Descriptor(os.dup(self._files.listener.fileno()))
            gateway.channel.send(Listen(), (listener,))
        at = time.time()
        self.publish(FilesRestored(at=at, path=NODE, node=self._name, files=files))

    def _say(self, complaint: str) -> None:
        line = complaint_line(self._name, complaint)
        self.stdout.write(f"{line}\n".encode(errors="replace"))
        self.log.say(complaint, "WARNING")

    def _note_an_earlier_end(self) -> None:
        """Note that the run before was killed, if it was: its `node.json` is left."""
        if self._files.before:
            self._ends.died_without_notice(self._files.before, self._files.last_heard)
            self._files.ends.flush()

    # ---- as a supervisor ---------------------------------------------------------------------

    def on_booted(self) -> None:
        """Print and publish that everything runs."""
        self.publish(NodeStarted(at=time.time(), path=NODE, node=self._name, pid=os.getpid()))

    def is_worker(self, spec: ChildSpec) -> bool:
        """Neither child runs the user's code."""
        del spec
        return False

    def path_of(self, id_: str) -> str:
        """Return the path of the tree, which is empty, of the gateway or of the logger."""
        return "" if id_ == "tree" else f"@{id_}"

    def child_main(self, spec: ChildSpec, bootstrap: Bootstrap) -> int:
        """Run the logger, the gateway or the root supervisor."""
        if spec.id == "logger":
            return run_logger(bootstrap, self._log_socket, self._name)
        if spec.id == "on_event":
            # Not above: every process of the node would have what it imports.
            from otpy.runtime.on_event.process import run_on_event  # noqa: PLC0415

            missed = self._recent.after(self._handed)
            handlers = tuple(_handlers_of(spec))
            return run_on_event(bootstrap, self._name, handlers, missed)
        if spec.id == "gateway":
            return run_gateway(
                bootstrap, self._files.listener, self._directory, self._recent, self._facts
            )
        assert isinstance(spec.start, SupervisorSpec)
        return run_supervisor(spec.start, bootstrap)

    def handle_node_request(
        self, child: Child, message: NodeRequest, fds: tuple[Descriptor, ...]
    ) -> None:
        """Serve a worker's request."""
        self.send_published()
        if isinstance(message.operation, GetSockets):
            self._give_sockets(child, message.token, message.operation, message.sender.path)
            return
        self._requests.handle(child.channel, message, fds)

    def _give_sockets(self, child: Child, token: int, asked: GetSockets, path: str) -> None:
        given: list[Descriptor] = []
        refusal: OtpyError | None = None
        if self._sockets is None:
            refusal = OtpyError("no supervisor of the tree has sockets")
        else:
            try:
                given = self._sockets.give(asked.names, path)
            except OtpyError as error:
                refusal = error
        with contextlib.suppress(NotSent):
            child.channel.send(NodeReply(token, refusal), given)

    def _publish_now(self, event: Event) -> None:
        self.publish(event)
        self.send_published()

    def send_up(self, message: object, fds: Sequence[Descriptor] = ()) -> bool:
        """Raise: the node has no parent."""
        raise AssertionError(message, fds)

    def handle_other(self, child: Child, message: object, fds: tuple[Descriptor, ...]) -> None:
        """Serve the gateway's requests."""
        match message:
            case OpenLink():
                self.router.route(child.channel, message, fds)
            case Ask(token=token, request=ReloadNode() as asked):
                self._reloader.add(Job(asked, partial(_answer, child.channel, token)))
            case Ask():
                self.router.route(child.channel, self._requests.checked(message), fds)
            case StopNode():
                self._stop_once("asked to by a client")
            case HandlerFailed(handler=handler, reason=reason, lost=lost):
                at = time.time()
                self.publish(
                    EventHandlerFailed(
                        at=at, path=ON_EVENT, handler=handler, reason=reason, lost=lost
                    )
                )
            case _:
                raise AssertionError(message)

    def deliver(self, events: tuple[Event, ...]) -> None:
        """Number events, note them, send them to the gateway, write and print them."""
        events = self._numbered(events)
        for event in events:
            if ended := self._directory.apply(event):
                self._requests.ended(ended)
            self._ends.note(event, ended)
            self._recent.append(event)
            self._remember(event)
            for follower in self._followers:
                follower.note(event)
        # First: a client that was sent an end finds it there.
        self._files.ends.flush()
        self._hand_to("gateway", events)
        if not self.tree.on_event or self._hand_to("on_event", events):
            self._handed = self._recent.last
        # Last: a client that has read that a process is up finds it at the gateway.
        self._files.event_file.write(events)
        told = [event for event in events if not isinstance(event, _QUIET)]
        if told:
            lines = "".join([f"{log_line(event)}\n" for event in told])
            self.stdout.write(lines.encode(errors="replace"))
        for event in told:
            self.log.say(str(event), at=event.at)
        if any(isinstance(event, NodeStarted) for event in events):
            self._owner.up()

    def _hand_to(self, id_: str, events: tuple[Event, ...]) -> bool:
        """Send events to a process beside the tree; return whether it is there.

        From its fork on, not only once it is ready: it was forked with what is known so far.
        """
        if (child := self.children.present(id_)) is None:
            return False
        try:
            child.channel.send(Publish(events))
        except SocketFull:
            # It does not read any more: the next one starts with what we know.
            child.kill()
        except SocketClosed:
            return False  # it has just ended
        return True

    def _numbered(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        boot, first = self._files.boot, self._recent.last + 1
        return tuple(
            [replace(event, seq=seq, boot=boot) for seq, event in enumerate(events, first)]
        )

    # ---- why it ended ------------------------------------------------------------------------

    def _remember(self, event: Event) -> None:
        match event:
            case GaveUp(path=path):
                _note(self._gave_up, path, event)
                self._giving_up.add(path)
            case ChildStartFailed(path=path, traceback=traceback):
                self._owner.note_traceback(traceback)
                _note(self._codes, path, exit_code(event))
            case ChildEnded(path=path):
                _note(self._last_end, path, event)
                # To give up is a clean end to a supervisor's own supervisor alone.
                _note(self._codes, path, exit_code(event) or int(path in self._giving_up))
                self._giving_up.discard(path)
            case EssentialEnded():
                self._end_with(event)
            case AutoShutdownEvent(path="", child=id_):
                self._ended_by = self._last_end.get(id_)
            case _:
                pass

    def _complaint(self, result: ExitReason) -> str:
        """Return why the node did not end well; empty if it did."""
        if isinstance(result, FailedToStartChild):
            return f"could not start: {_innermost(result)}"
        if (essential := self._essential) is not None:
            why_it_ended = f"ended with its essential child {essential.path!r}: {essential.reason}"
            return why_it_ended if self._codes.get(essential.path, 1) else ""
        if self._stops:
            return ""
        if (why := self._gave_up.get(NODE) or self._gave_up.get("")) is not None:
            return f"gave up: {self._explain(why)}"
        if (end := self._ended_by) is not None and not end.clean:
            return f"ended with its significant child {end.path!r}: {end.reason}"
        return ""

    def _end_with(self, essential: EssentialEnded) -> None:
        """Stop, as an essential child has ended; one that ends as the node stops is none."""
        if self._stops or self._essential is not None:
            return
        self._essential = essential
        why = f"its essential child {essential.path!r} has ended: {essential.reason}"
        self.loop.call_soon(lambda: self._stop_once(why))  # this event is still being told

    def _status(self, complaint: str) -> int:
        """Return the exit status: that of the essential child with which the node ended."""
        if self._essential is not None:
            return self._codes.get(self._essential.path, 1)
        if not complaint:
            return 0
        failed = self._failed_at_last()
        return self._codes.get(failed, 1) if is_essential(self.tree, failed) else 1

    def _failed_at_last(self) -> str:
        """Return the path of the child on which the tree gave up; empty if it did not."""
        path, why = "", self._gave_up.get("")
        while why is not None:
            path = child_path(path, why.child)
            why = self._gave_up.get(path)
        return path

    def _explain(self, why: GaveUp) -> str:
        limit = f"max_restarts is {why.max_restarts} in {why.max_seconds:g} s"
        text = (
            f"{why.child!r} ended {why.restarts} times, the last time with {why.reason} ({limit})"
        )
        path = f"{why.path}/{why.child}" if why.path not in ("", NODE) else why.child
        below = self._gave_up.get(path)
        return f"{text}; {below.name}: {self._explain(below)}" if below is not None else text


def _note(latest: OrderedDict[str, E], path: str, event: E) -> None:
    """Keep an event as the latest at `path`; of other paths only some, since those are many."""
    latest[path] = event
    latest.move_to_end(path)
    if len(latest) > _MOST_LATEST:
        latest.popitem(last=False)


def _innermost(reason: FailedToStartChild) -> str:
    names = [reason.child]
    inner: ExitReason = reason.reason
    while isinstance(inner, FailedToStartChild):
        names.append(inner.child)
        inner = inner.reason
    path = "/".join(names[1:]) or names[0]
    return f"child {path!r} failed to start: {inner}"


class _NoChange:
    """What is done about the sockets of a tree that has none, and had none."""

    def __enter__(self) -> object:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def keep(self) -> None:
        """Do nothing."""


def _answer(gateway: MessageSocket, token: int, answer: RawReply | OtpyError) -> None:
    with contextlib.suppress(NotSent):  # it has just ended, and its clients are gone
        gateway.send(Answered(token, answer, {}))


def _handlers_of(spec: ChildSpec) -> Iterator[EventHandler]:
    assert isinstance(spec.start, ServerStart)
    for each in spec.start.args:
        assert isinstance(each, EventHandler)
        yield each


def _accept_and_close(listener: Socket) -> None:
    """Accept a connection and close it: a second `otpy run` asks only whether this one lives."""
    with contextlib.suppress(OSError):
        accepted(listener).close()
