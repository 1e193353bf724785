"""A supervisor that the tree declares; its parent is another, or the node."""

import fcntl
import signal
from collections.abc import Sequence
from typing import Final

from otpy.core.exits import ExitReason, is_clean
from otpy.core.messages import HaltAsked, StopAsked
from otpy.core.spec import ChildSpec, SupervisorSpec
from otpy.events import Event
from otpy.runtime.bootstrap import Bootstrap
from otpy.runtime.control_channel import SUPERVISOR, end_of_child
from otpy.runtime.node_log import Source
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.publisher import EventUplink
from otpy.runtime.supervisor.supervisor import Supervisor
from otpy.system.descriptor import Descriptor
from otpy.system.message_socket import MessageSocket, NotSent
from otpy.system.prctl import become_subreaper
from otpy.system.shortage import wait_for_descriptors
from otpy.system.spawn import (
    become_child,
    ignore_signals,
    prepare_for_workers,
    raise_descriptor_limit,
)
from otpy.system.warnings import warn
from otpy.wire.control import (
    Answered,
    Ask,
    Connect,
    Exiting,
    Forget,
    HaltNow,
    LinkOpened,
    NodeReply,
    NodeRequest,
    Notify,
    OpenLink,
    Ready,
    ShutDown,
)
from otpy.wire.paths import child_path

_AT_THE_START: Final = 8
"""Descriptors that a supervisor needs before it starts anything."""

_LAST_LINES_S: Final = 2.0


class TreeSupervisor(Supervisor):
    """The process of a nested supervisor, or of the root."""

    def __init__(self, bootstrap: Bootstrap, spec: SupervisorSpec) -> None:
        super().__init__(
            Source(bootstrap.path, bootstrap.incarnation),
            spec,
            bootstrap.inherited_fds,
            bootstrap.numbers,
            outlets=bootstrap.outlets,
        )
        self._parent: MessageSocket = end_of_child(bootstrap.control, SUPERVISOR)
        self._uplink = EventUplink(self._parent)
        self._parent.attach(self.loop, self._on_parent_message, self._orphaned)

    def run(self) -> ExitReason:
        """Supervise until it is over; return why."""
        signal.signal(
            signal.SIGTERM, lambda _number, _frame: self.processes.deferred_exits.signalled()
        )
        self.boot()
        self.loop.run()
        self.send_published()
        assert self.result is not None
        self.send_up(Exiting(self.result))
        self._parent.flush_within(seconds=5)
        self.log.flush_within(_LAST_LINES_S)
        return self.result

    def on_booted(self) -> None:
        """Report to the parent, which goes on with the next child."""
        self.send_published()
        self.send_up(Ready())

    def deliver(self, events: tuple[Event, ...]) -> None:
        """Send them up."""
        self._uplink.deliver(events)

    def send_published(self) -> None:
        """Deliver the events that were published so far."""
        super().send_published()
        self._uplink.flush()

    def child_main(self, spec: ChildSpec, bootstrap: Bootstrap) -> int:
        """Run a nested supervisor."""
        assert isinstance(spec.start, SupervisorSpec)
        return run_supervisor(spec.start, bootstrap)

    def handle_node_request(
        self, child: Child, message: NodeRequest, fds: tuple[Descriptor, ...]
    ) -> None:
        """Connect a worker to a child that it names by its path; else pass the request on.

        The node knows all processes. But a path comes before every other name, and of whose child
        it is the path, knows best whether that is up.
        """
        operation = message.operation
        if isinstance(operation, Connect) and operation.name != message.sender.path:
            sought = self.children.running(operation.name.removeprefix(child_path(self.path, "")))
            if sought is not None and sought.path == operation.name and sought.kind == "worker":
                way = (sought.spec.id,)
                open_link = OpenLink(message.token, way, message.sender)
                self.router.route(child.channel, open_link, fds)
                return
        self.router.forward_to_node(child.channel, message, fds)

    def send_up(self, message: object, fds: Sequence[Descriptor] = ()) -> bool:
        """Send a message, and the descriptors beside it, to the supervisor above."""
        try:
            self._parent.send(message, fds)
        except NotSent:
            return False  # it has ended, or is stopped and must not make us grow
        return True

    def _on_parent_message(self, message: object, fds: tuple[Descriptor, ...]) -> None:
        match message:
            case ShutDown(for_good=for_good):
                self.handle_event(StopAsked(for_good))
            case HaltNow():
                self.handle_event(HaltAsked())
            case OpenLink() | Ask():
                self.router.route(self._parent, message, fds)
            case Forget(token=token):
                self.router.forget(self._parent, token)
            case Notify():
                self.router.notify(message)
            case LinkOpened() | Answered() | NodeReply():
                self.router.answered(message, fds, None)
            case _:
                raise AssertionError(message)

    def _orphaned(self) -> None:
        """Kill everything below: no process may outlive its supervisor."""
        self._parent.close()
        self.router.parent_ended()
        self.handle_event(StopAsked())


def run_supervisor(spec: SupervisorSpec, bootstrap: Bootstrap) -> int:
    """Run a supervisor, in the process just forked; return its exit status."""
    title = f"otpy: {bootstrap.path or 'root'}"
    become_child(
        title, keep=(bootstrap.control.fileno(), *bootstrap.outlets, *bootstrap.inherited_fds)
    )
    ignore_signals()
    become_subreaper()
    prepare_for_workers()
    raise_descriptor_limit()
    if not wait_for_descriptors(_AT_THE_START, bootstrap.control):
        return 0  # it is told to stop, or its parent has gone
    _supervise(bootstrap.inherited_fds[0])
    return 0 if is_clean(TreeSupervisor(bootstrap, spec).run()) else 1


def _supervise(lock: int) -> None:
    """Lock the file for as long as a supervisor runs in this process."""
    try:
        fcntl.lockf(lock, fcntl.LOCK_SH)
    except OSError as error:  # too many locks in this system
        warn(f"the next run of this node will not wait for a supervisor: {error}")
