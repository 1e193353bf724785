"""A supervisor as a process: it carries out the core's actions and reports what happens."""

import abc
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import assert_never

from otpy.core.exits import ExitReason, NotPermitted, Raised
from otpy.core.messages import (
    Action,
    BootAsked,
    Emit,
    Exited,
    GiveUp,
    Halt,
    Ignored,
    Kill,
    Reply,
    SetTimer,
    Start,
    Started,
    StartFailed,
    Stop,
    TerminateChild,
    TimedOut,
    Up,
)
from otpy.core.messages import Event as CoreEvent
from otpy.core.numbers import Numbers
from otpy.core.spec import ChildSpec, SupervisorSpec
from otpy.core.state import (
    is_asked_to_start,
    new_supervisor,
    starts_ahead,
)
from otpy.core.supervisor import decide
from otpy.errors import ProtocolError
from otpy.events import (
    ChildIgnored,
    Event,
)
from otpy.runtime.bootstrap import Bootstrap
from otpy.runtime.stdout import Terminal
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.children import Children
from otpy.runtime.supervisor.deferred_exits import HeldEnds
from otpy.runtime.supervisor.owner_monitor import Owners
from otpy.runtime.supervisor.prefork import BATCH
from otpy.runtime.supervisor.publisher import Publisher
from otpy.runtime.supervisor.reaper import Reaper
from otpy.runtime.supervisor.reports import child_path, declared, published, start_failed
from otpy.runtime.supervisor.router import NOBODY, Router
from otpy.runtime.supervisor.spawner import Spawner
from otpy.runtime.supervisor.starts import Starts
from otpy.runtime.supervisor.subtree_numbers import SubtreeNumbers, numbers_of_children
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.loop import Loop
from otpy.system.wait import Status, kill_group, left_in_group, reap
from otpy.system.warnings import warn_of_failure
from otpy.wire.control import (
    Answered,
    Forget,
    IgnoreStart,
    Introduced,
    LastWord,
    NodeRequest,
    Publish,
    Ready,
)


class Supervisor(Children, abc.ABC):
    """Runs one core machine over real processes.

    Args:
        path: Its own path, which its children's begin with.
        spec: What it supervises.
        held: Descriptors that say that the node is there, and that every supervisor and the gateway
            hold, but no worker: the lock's first.
        numbers: The last incarnation numbers of what was below an earlier one, by path.
        strangers: Pids of children that this process has but does not supervise.
    """

    def __init__(
        self,
        path: str,
        spec: SupervisorSpec,
        held: tuple[int, ...],
        numbers: Numbers,
        strangers: set[int] | None = None,
    ) -> None:
        self.path, self.spec = path, spec
        self.loop = Loop()
        self.loop.survive = warn_of_failure
        self.terminal = Terminal(self.loop)
        self.router = Router(self)
        self._numbers = SubtreeNumbers(numbers)
        self._state = new_supervisor(spec, numbers_of_children(path, numbers))
        self._events: deque[CoreEvent] = deque()
        self._children: dict[str, Child] = {}
        self._pids: dict[int, Child] = {}
        self._spawner = Spawner(self.loop, self.terminal, held, self.child_main)
        self.stacks = self._spawner.stacks
        self._publisher = Publisher(self.loop, self.deliver, lambda: self._state.work is not None)
        self.reaper = Reaper(self.loop, self._pids, self._ended, self._spawner, strangers)
        self._starts_under_way = Starts(
            self.loop,
            self.reaper,
            self._start,
            self._start_failed,
            lambda: is_asked_to_start(self._state),
        )
        self._held_ends = HeldEnds(self.loop)
        self._owners = Owners(self.loop, lambda id_: self.ask(NOBODY, TerminateChild(id_)))
        self.result: ExitReason | None = None

    # ---- what differs between the node and the supervisors below it --------------------------

    @abc.abstractmethod
    def came_up(self) -> None:
        """All children are up."""

    @abc.abstractmethod
    def deliver(self, events: tuple[Event, ...]) -> None:
        """Take what was published here and below."""

    def is_worker(self, spec: ChildSpec) -> bool:
        """Tell whether a child runs the user's code: it is forked ahead, and its output is read."""
        return not spec.is_supervisor

    @abc.abstractmethod
    def child_main(self, spec: ChildSpec, bootstrap: Bootstrap) -> int:
        """Be the child: runs in the forked process and tells its exit status."""

    # ---- deciding and doing ------------------------------------------------------------------

    def boot(self) -> None:
        """Begin."""
        self.publish(declared(self.path, self.spec))
        self.tell(BootAsked())

    def tell(self, event: CoreEvent) -> None:
        """Let the core decide about an event, and do what it says."""
        self._events.append(event)
        if len(self._events) > 1:
            return
        while self._events:
            self._state, actions = decide(self._state, self._events[0], time.monotonic())
            for action in actions:
                self._attempt(action)
            self._events.popleft()
        self.router.retry_held()
        if self._state.work is None:
            self._came_to_rest()

    def _attempt(self, action: Action) -> None:
        """Perform an action; what the system refuses is told, and ends no supervisor."""
        try:
            self._perform(action)
        except (OSError, MemoryError) as error:
            warn_of_failure(error)

    def _perform(self, action: Action) -> None:
        match action:
            case Start(spec=spec, incarnation=incarnation):
                self._starts_under_way.begin(spec, incarnation)
            case Stop() | Kill() | Halt():
                self._end(action)
            case SetTimer():
                self._set_timer(action)
            case Reply(token=token, answer=answer):
                self.router.answer(token, answer)
            case Emit(report=report):
                self.publish(published(report, self.path, self.spec, self.path_of))
            case Up():
                self.came_up()
            case GiveUp(reason=reason):
                self.result = reason
                self._spawner.kill_spares()
                self.reaper.after_all(self.loop.stop)
            case _:
                assert_never(action)

    def _end(self, order: Stop | Kill | Halt) -> None:
        if self._starts_under_way.cancel(order.child):
            return
        child = self._stopping(order.child)
        match order:
            case Stop():
                child.stop(for_good=not self.comes_back(order.child))
            case Kill():
                child.kill()
                self._kill_rest(child)
            case Halt():
                child.halt()
                self._kill_rest(child)

    def _kill_rest(self, child: Child) -> None:
        """Kill what is left of a child that has ended, and is waited for."""
        if child.untouchable and not child.reaped:
            self.loop.call_soon(partial(self._give_up, child))
        elif child.reaped and child.pid in self._pids:
            self.reaper.kill_group(child.pid)
        elif child.reaped:
            self.reaper.kill_stopping()

    def _give_up(self, child: Child) -> None:
        """Go on without a child that may not be killed, as if it had ended."""
        if child.reaped or child.pid not in self._pids:
            return  # it has ended in this moment
        self._owners.untie(child)
        child.channel.detach()
        self.reaper.leave_alone(child.pid)
        kill_group(child.pid)
        reason = NotPermitted(child.pid)
        self.router.child_ended(child, str(reason))
        output = child.output.finish() if child.output is not None else ""
        del self._pids[child.pid]
        self._is_gone(child, Status("", 0, 0), output, reason)

    def _set_timer(self, wanted: SetTimer) -> None:
        timed_out = TimedOut(wanted.child, wanted.incarnation)
        timer = self.loop.call_later(wanted.seconds, lambda: self.tell(timed_out))
        if (child := self._children.get(wanted.child)) is not None:  # else it waits to be started
            child.timer = timer

    def _stopping(self, id_: str) -> Child:
        child = self._children[id_]
        self._held_ends.release_soon(child)
        # The gateway is to hear what happened before it is told to stop.
        self.send_published()
        if not child.asked:
            self.publish(child.stopping())
        return child

    # ---- starting ----------------------------------------------------------------------------

    def _start(self, spec: ChildSpec, incarnation: int) -> None:
        path = self.path_of(spec.id)
        if self.is_worker(spec):
            child = self._spawner.spawn_worker(
                spec, path, incarnation, lambda: starts_ahead(self._state, BATCH)
            )
        else:
            child = self._spawner.spawn_supervisor(spec, path, incarnation, self._numbers.of(path))
        try:
            child.channel.attach(
                self.loop,
                lambda message, fds: self._heard(child, message, fds),
                lambda: self._hung_up(child),
                lambda error: self._garbled(child, error),
            )
        except OSError:
            self._spawner.discard(child)
            raise
        self._children[spec.id] = self._pids[child.pid] = child
        self.publish(child.starting())

    def path_of(self, id_: str) -> str:
        """Tell the path of a child."""
        return child_path(self.path, id_)

    def _start_failed(self, id_: str, incarnation: int, reason: ExitReason) -> None:
        self.publish(start_failed(self.path_of(id_), incarnation, reason))
        self.tell(StartFailed(id_, incarnation, reason))

    # ---- what children say -------------------------------------------------------------------

    def _garbled(self, child: Child, error: ProtocolError) -> None:
        """End a child that sends what is no message: nothing that it sends later can be read."""
        child.channel.detach()
        child.end_for(Raised(f"ProtocolError: {error}"))

    def _heard(self, child: Child, message: object, fds: tuple[Descriptor, ...]) -> None:
        match message:
            case Ready() if child.ready:
                pass
            case Ready(traps=traps, served=served):
                child.traps, child.served = traps, served
                self._is_up(child)
            case IgnoreStart():
                child.ignored = True
            case LastWord():
                child.last_word = message
            case Publish(events=events):
                child.note(events)
                self._numbers.note(events)
                self._publisher.publish(events)
            case Introduced() | Answered():
                self.router.answered(message, fds, child)
            case Forget(token=token):
                self.router.forget(child.channel, token)
            case NodeRequest():
                if not child.may_speak_for(message.sender):
                    close_all(fds)
                    self._garbled(child, ProtocolError("a request in another's name"))
                    return
                self.handle_node_request(child, message, fds)
            case _:
                self.heard_else(child, message, fds)

    @abc.abstractmethod
    def handle_node_request(
        self, child: Child, message: NodeRequest, fds: tuple[Descriptor, ...]
    ) -> None:
        """Take what a worker below asks the node."""

    @abc.abstractmethod
    def send_up(self, message: object, fds: Sequence[Descriptor] = ()) -> bool:
        """Send a message, and the descriptors beside it, up; False if nobody has read for long."""

    def heard_else(self, child: Child, message: object, fds: tuple[Descriptor, ...]) -> None:
        """Take a message that only some supervisors expect."""
        raise AssertionError(child.path, message, fds)

    def _is_up(self, child: Child) -> None:
        child.ready = True
        if child.asked:
            # It was asked while it started, and may have been deaf to SIGTERM then.
            child.stop(for_good=not self.comes_back(child.spec.id))
        self.publish(child.started())
        self.tell(Started(child.spec.id, child.incarnation))

    def _hung_up(self, child: Child) -> None:
        child.channel.detach()
        if child.kind == "command" and child.last_word is None and not child.ready:
            # The pipe closes at exec: the program runs.
            self._is_up(child)

    # ---- how children end --------------------------------------------------------------------

    def _ended(self, child: Child) -> None:
        self._owners.untie(child)
        # Its last frames come first: a message that it sent before it died counts.
        try:
            if not child.channel.receive(lambda message, fds: self._heard(child, message, fds)):
                self._hung_up(child)
        except ProtocolError as error:
            self._garbled(child, error)
        child.channel.detach()
        status, child.reaped = reap(child.pid), True
        if not child.orderly:
            self.reaper.kill_group(child.pid)
        # Now, and not once its group or subtree is gone, which may take as long as it has to stop.
        self.router.child_ended(child, str(child.reason(status)))
        if child.orderly and left_in_group(child.pid):
            child.pass_on(status)
            self.reaper.after_group(child.pid, lambda: self._group_ended(child, status))
        else:
            self._group_ended(child, status)

    def _group_ended(self, child: Child, status: Status) -> None:
        output = child.output.finish() if child.output is not None else ""
        del self._pids[child.pid]
        gone = partial(self._is_gone, child, status, output)
        self.reaper.after(child, lambda: self._held_ends.hold(child, gone))

    def _is_gone(
        self, child: Child, status: Status, output: str, why: ExitReason | None = None
    ) -> None:
        id_, incarnation = child.spec.id, child.incarnation
        reason = why or child.reason(status)
        del self._children[id_]
        if child.is_supervisor:
            self._numbers.lose(child.path)
        self._spawner.release(child, str(reason))
        if child.ready:
            self.publish(child.post_mortem(reason, status, output))
            self.tell(Exited(id_, incarnation, reason))
        elif child.ignored:
            self.publish(ChildIgnored(at=time.time(), path=child.path, incarnation=incarnation))
            self.tell(Ignored(id_, incarnation))
        else:
            self._start_failed(id_, incarnation, reason)

    def _came_to_rest(self) -> None:
        self._spawner.kill_spares()
        self._publisher.came_to_rest()
        self.loop.call_soon(self.reaper.sweep)

    # ---- publishing --------------------------------------------------------------------------

    def publish(self, event: Event) -> None:
        """Tell the parents, all the way up, what happened."""
        self._publisher.publish((event,))

    def send_published(self) -> None:
        """Deliver the events that were published so far."""
        self._publisher.flush()
