"""A supervisor as a process: the core decides, its runtime does, and what happens is published."""

import abc
import time
from collections import deque
from collections.abc import Callable, Sequence

from otpy.core.exits import ExitReason
from otpy.core.messages import Action, BootAsked, Reload, Request, Requested, SetTimer
from otpy.core.messages import Event as CoreEvent
from otpy.core.numbers import Numbers
from otpy.core.runtime import Runtime, perform
from otpy.core.spec import ChildSpec, SupervisorSpec
from otpy.core.state import (
    Availability,
    availability,
    comes_back,
    failure,
    is_asked_to_start,
    new_supervisor,
    starts_ahead,
)
from otpy.core.supervisor import decide
from otpy.errors import ProtocolError
from otpy.events import Event
from otpy.runtime.bootstrap import Bootstrap, Outlets
from otpy.runtime.node_log import NodeLog, Source
from otpy.runtime.stdout import NodeStdout
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.children import Children
from otpy.runtime.supervisor.core_events import declared
from otpy.runtime.supervisor.process_runtime import ProcessRuntime
from otpy.runtime.supervisor.publisher import Publisher
from otpy.runtime.supervisor.router import Router
from otpy.runtime.supervisor.subtree_numbers import numbers_of_children
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.entropy import random_fraction
from otpy.system.loop import Loop
from otpy.system.warnings import also_warn, warn_of_failure
from otpy.wire.control import Answered, Forget, LinkOpened, NodeRequest
from otpy.wire.paths import child_path


class Supervisor(abc.ABC):
    """Runs one core machine over real processes.

    Args:
        itself: Its path, which its children's begin with, and incarnation.
        spec: The spec of the supervisor and its children.
        inherited_fds: Descriptors that say that the node is there, and that every supervisor and
            the gateway hold, but no worker: the lock's first.
        numbers: The last incarnation numbers of what was below an earlier one, by path.
        preexisting_children: Pids of children that this process has but does not supervise.
        outlets: What it logs to, and what workers may print to.
    """

    def __init__(
        self,
        itself: Source,
        spec: SupervisorSpec,
        inherited_fds: tuple[int, ...],
        numbers: Numbers,
        preexisting_children: set[int] | None = None,
        *,
        outlets: Outlets,
    ) -> None:
        self.path = itself.path
        self.loop = Loop()
        self.loop.survive = warn_of_failure
        self.stdout = NodeStdout(self.loop)
        self.log = NodeLog(self.loop, outlets.log, itself)
        also_warn(lambda text: self.log.say(text, "WARNING"))
        self.children = Children()
        self.router = Router(self, self.children)
        self._state = new_supervisor(spec, numbers_of_children(self.path, numbers))
        self._events: deque[CoreEvent] = deque()
        self._publisher = Publisher(self.loop, self.deliver, lambda: self._state.work is not None)
        self.processes = ProcessRuntime(self, outlets, inherited_fds, numbers, preexisting_children)
        self._runtime: Runtime = self.processes
        self.stacks = self.processes.stacks
        self._chance = random_fraction()
        self.result: ExitReason | None = None

    @property
    def spec(self) -> SupervisorSpec:
        """What it supervises, and how."""
        return self._state.spec

    # ---- what differs between the node and the supervisors below it --------------------------

    @abc.abstractmethod
    def on_booted(self) -> None:
        """All children are up."""

    @abc.abstractmethod
    def deliver(self, events: tuple[Event, ...]) -> None:
        """Handle the events published here and below."""

    def is_worker(self, spec: ChildSpec) -> bool:
        """Return whether a child runs the user's code: forked ahead, its output read."""
        return not spec.is_supervisor

    @abc.abstractmethod
    def child_main(self, spec: ChildSpec, bootstrap: Bootstrap) -> int:
        """Run the child, in the forked process; return its exit status."""

    def path_of(self, id_: str) -> str:
        """Return the path of a child."""
        return child_path(self.path, id_)

    # ---- deciding and doing ------------------------------------------------------------------

    def boot(self) -> None:
        """Begin."""
        self.publish(declared(self.path, self.spec))
        self.handle_event(BootAsked())

    def handle_event(self, event: CoreEvent) -> None:
        """Pass an event to the core, and carry out what it decides."""
        self._events.append(event)
        if len(self._events) > 1:
            return
        while self._events:
            now = time.monotonic()
            self._state, actions = decide(self._state, self._events[0], now, self._chance)
            for action in actions:
                self._attempt(action)
                if isinstance(action, SetTimer):  # the number may be in it: the next is another
                    self._chance = random_fraction()
            self._events.popleft()
        self.router.retry_parked()
        if self._state.work is None:
            self._publisher.on_idle()
            self.processes.on_idle()

    def _attempt(self, action: Action) -> None:
        """Perform an action; what the system refuses is told, and ends no supervisor."""
        try:
            perform(action, self._runtime)
        except (OSError, MemoryError) as error:
            warn_of_failure(error)

    def over(self, reason: ExitReason) -> None:
        """Note why this supervisor ends."""
        self.result = reason

    # ---- what the core knows -----------------------------------------------------------------

    def availability(self, id_: str) -> Availability:
        """Return whether the child runs, will run, or is gone for good."""
        return availability(self._state, id_)

    def failure(self, id_: str) -> ExitReason | None:
        """Return with which reason a child has failed and stays down."""
        return failure(self._state, id_)

    def comes_back(self, id_: str) -> bool:
        """Return whether a child that is being stopped will be started again by itself."""
        return comes_back(self._state, id_)

    def starts_ahead(self, limit: int) -> int:
        """Return how many children will be started soon, at most `limit`."""
        return starts_ahead(self._state, limit)

    def is_asked_to_start(self) -> bool:
        """Return whether the start in hand was asked for."""
        return is_asked_to_start(self._state)

    def is_at_rest(self) -> bool:
        """Return whether no child starts or stops."""
        return self._state.work is None and not self._events

    def is_ending(self) -> bool:
        """Return whether the supervisor stops all its children, to end."""
        return self._state.ending

    def ask(self, token: int, request: Request | Reload) -> None:
        """Pass a request to the core, which answers it."""
        if isinstance(request, Reload):
            self.processes.forget_spares()  # they may have imported what is no more
        self.handle_event(Requested(token, request))

    # ---- what children say -------------------------------------------------------------------

    def handle_message(self, child: Child, message: object, fds: tuple[Descriptor, ...]) -> None:
        """Handle a child's message that is not about its start or end."""
        match message:
            case LinkOpened() | Answered():
                self.router.answered(message, fds, child)
            case Forget(token=token):
                self.router.forget(child.channel, token)
            case NodeRequest():
                if not child.may_send_as(message.sender):
                    close_all(fds)
                    self.processes.garbled(child, ProtocolError("a request in another's name"))
                    return
                if not child.may_have(message):
                    self.processes.garbled(child, ProtocolError("a request for others' sockets"))
                    return
                self.handle_node_request(child, message, fds)
            case _:
                self.handle_other(child, message, fds)

    @abc.abstractmethod
    def handle_node_request(
        self, child: Child, message: NodeRequest, fds: tuple[Descriptor, ...]
    ) -> None:
        """Handle a request of a worker below to the node."""

    @abc.abstractmethod
    def send_up(self, message: object, fds: Sequence[Descriptor] = ()) -> bool:
        """Send a message and descriptors to the parent; False if it has not read for long."""

    def handle_other(self, child: Child, message: object, fds: tuple[Descriptor, ...]) -> None:
        """Handle a message that only some supervisors expect."""
        raise AssertionError(child.path, message, fds)

    def watch_owner(self, child: Child, owner: Descriptor) -> None:
        """Stop a child when the process of this pidfd ends; the descriptor is taken."""
        self.processes.owners.watch(child, owner)

    # ---- publishing --------------------------------------------------------------------------

    def publish(self, *events: Event | Callable[[], Event]) -> None:
        """Report to the parents, all the way up, what happened."""
        self._publisher.publish(events)

    def make_events(self) -> None:
        """Make the events of which only what makes them was published."""
        self._publisher.make_events()

    def send_published(self) -> None:
        """Deliver the events that were published so far."""
        self._publisher.flush()
