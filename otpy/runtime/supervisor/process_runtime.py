"""A supervisor's decisions, carried out with processes: how children start, stop and end."""

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from otpy.core.exits import (
    EndedUnready,
    ExitReason,
    Normal,
    NotPermitted,
    Raised,
    Recycled,
    StartTimeout,
)
from otpy.core.messages import (
    Answer,
    EndBegun,
    Event,
    Exited,
    Ignored,
    LimitReached,
    Report,
    Request,
    Started,
    StartFailure,
    TerminateChild,
    TimedOut,
)
from otpy.core.numbers import Numbers
from otpy.core.spec import ChildSpec, SupervisorSpec
from otpy.errors import OtpyError, ProtocolError
from otpy.events import ChildIgnored, SparesChanged
from otpy.events import Event as PublishedEvent
from otpy.runtime.bootstrap import Bootstrap, Outlets
from otpy.runtime.node_log import NodeLog
from otpy.runtime.stdout import NodeStdout
from otpy.runtime.supervisor.checks import Checks
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.children import Children
from otpy.runtime.supervisor.core_events import published, start_failed
from otpy.runtime.supervisor.deferred_exits import DeferredExits
from otpy.runtime.supervisor.output import Sinks
from otpy.runtime.supervisor.owner_monitor import OwnerMonitor
from otpy.runtime.supervisor.pending_starts import PendingStarts
from otpy.runtime.supervisor.prefork import BATCH
from otpy.runtime.supervisor.reaper import Reaper
from otpy.runtime.supervisor.router import NO_ANSWER, Router
from otpy.runtime.supervisor.spares import Spares
from otpy.runtime.supervisor.spawner import Spawner
from otpy.runtime.supervisor.subtree_numbers import SubtreeNumbers
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop, Timer
from otpy.system.oom import OomKills, counter_file
from otpy.system.pipes import is_readable
from otpy.system.wait import WaitStatus, kill_group, left_in_group, reap
from otpy.wire.control import (
    Announced,
    Exiting,
    IgnoreStart,
    Outdated,
    Prepared,
    Publish,
    RawReply,
    Ready,
    Retiring,
    UsesStore,
)

if TYPE_CHECKING:
    from otpy.runtime.supervisor.helpers import Helpers
    from otpy.runtime.supervisor.notify_socket import Notification


_MOMENT_MS: Final = 1
"""Between the close of what a process had open, and its end."""


class DecidingSupervisor(Protocol):
    """Protocol of the supervisor whose decisions the runtime carries out."""

    path: str
    loop: Loop
    stdout: NodeStdout
    log: NodeLog
    children: Children
    router: Router

    @property
    def spec(self) -> SupervisorSpec:
        """What it supervises, and how."""

    def path_of(self, id_: str) -> str:
        """Return the path of a child."""

    def is_worker(self, spec: ChildSpec) -> bool:
        """Return whether a child runs the user's code."""

    def child_main(self, spec: ChildSpec, bootstrap: Bootstrap) -> int:
        """Run a child that is no worker, in the forked process; return its exit status."""

    def handle_event(self, event: Event) -> None:
        """Decide about an event, and have the actions carried out."""

    def ask(self, token: int, request: Request) -> None:
        """Decide about a request."""

    def comes_back(self, id_: str) -> bool:
        """Return whether a child that is being stopped will be started again by itself."""

    def starts_ahead(self, limit: int) -> int:
        """Return how many children will be started soon, at most `limit`."""

    def is_asked_to_start(self) -> bool:
        """Return whether the start in hand was asked for."""

    def is_at_rest(self) -> bool:
        """Return whether no child starts or stops."""

    def is_ending(self) -> bool:
        """Return whether the supervisor stops all its children, to end."""

    def handle_message(self, child: Child, message: object, fds: tuple[Descriptor, ...]) -> None:
        """Handle a child's message that is not about its start or end."""

    def publish(self, *events: PublishedEvent | Callable[[], PublishedEvent]) -> None:
        """Report to the parents, all the way up, what happened."""

    def make_events(self) -> None:
        """Make the events of which only what makes them was published."""

    def send_published(self) -> None:
        """Deliver the events that were published so far."""

    def on_booted(self) -> None:
        """All children are up."""

    def over(self, reason: ExitReason) -> None:
        """Note why this supervisor ends."""


class ProcessRuntime:
    """The `otpy.core.runtime.Runtime` of one supervisor.

    Args:
        supervisor: Decides.
        outlets: What supervisors log to, and what workers may print to.
        inherited_fds: Descriptors that the supervisors and the gateway hold, the lock's first.
        numbers: The last incarnation numbers of what was below an earlier one, by path.
        preexisting_children: Pids of children that this process has but does not supervise.

    Attributes:
        stacks: Of the workers.
        owners: Processes that children end with.
        deferred_exits: Ends of children that are told a moment later.
    """

    def __init__(
        self,
        supervisor: DecidingSupervisor,
        outlets: Outlets,
        inherited_fds: tuple[int, ...],
        numbers: Numbers,
        preexisting_children: set[int] | None = None,
    ) -> None:
        self._supervisor, self._loop = supervisor, supervisor.loop
        self._children = supervisor.children
        self._numbers = SubtreeNumbers(numbers)
        sinks = Sinks(self._loop, supervisor.stdout, supervisor.log)
        self._spawner = Spawner(sinks, outlets, inherited_fds, supervisor.child_main)
        self.stacks = self._spawner.stacks
        self._reaper = Reaper(
            self._loop, self._children.by_pid, self._ended, self, preexisting_children
        )
        self._spares = Spares(
            self._loop,
            fork=self._spawner.spawn_spare,
            is_at_rest=supervisor.is_at_rest,
            has_process=lambda id_: self._children.running(id_) is not None,
            changed=self._spares_changed,
            killed=self._reaper.killed,
            ended=self._reaper.look_for_left,
            free=self._spawner.free,
        )
        self._checks = Checks(self._loop, self.stacks, self._reaper, self)
        self._pending_starts = PendingStarts(
            self._loop,
            self._reaper,
            self._start,
            self._start_failed,
            supervisor.is_asked_to_start,
        )
        self._waits: dict[str, Timer] = {}
        self._oom_kills = OomKills(counter_file())
        self._helpers: Helpers | None = None
        self.deferred_exits = DeferredExits(self._loop)
        self.owners = OwnerMonitor(
            self._loop, lambda id_: supervisor.ask(NO_ANSWER, TerminateChild(id_))
        )

    @property
    def helpers(self) -> "Helpers":
        """Short-lived processes on the side."""
        if self._helpers is None:
            # Not above: a tree without such keys does without it.
            from otpy.runtime.supervisor.helpers import Helpers  # noqa: PLC0415

            self._helpers = Helpers(self._loop, self._reaper)
        return self._helpers

    # ---- the decisions -----------------------------------------------------------------------

    def start(self, spec: ChildSpec, incarnation: int) -> None:
        """Start a child once nothing is left of those before it."""
        self._waits.pop(spec.id, None)
        self._pending_starts.begin(spec, incarnation)

    def stop(self, child: str, incarnation: int) -> None:
        """Ask a child to end, or give up its start."""
        if (process := self._to_be_ended(child, incarnation)) is not None:
            process.stop(for_good=not self._supervisor.comes_back(child))

    def retire(self, child: str, incarnation: int, reason: Recycled) -> None:
        """Ask a child to end: a server after the messages that have arrived, else as `stop`."""
        process = self._children.get(child)
        assert process is not None
        assert process.incarnation == incarnation
        if process.recycled is not None:
            return  # it has begun to end by itself
        process.recycled = reason
        is_server = process.kind == "worker" and self._supervisor.is_worker(process.spec)
        if is_server and process.answers_sys:
            process.retire()
            return
        self.stop(child, incarnation)
        self._supervisor.handle_event(EndBegun(child, incarnation))

    def kill(self, child: str, incarnation: int) -> None:
        """Kill a child, or the processes left of one that has ended and is waited for."""
        if (process := self._to_be_ended(child, incarnation)) is not None:
            process.kill()
            self._kill_rest(process)

    def fail_start(self, child: str, incarnation: int) -> None:
        """Kill a child that is not ready in time, once the stacks of a worker are taken."""
        if self._pending_starts.cancel(child, StartTimeout("a process")):
            return
        process = self._children.get(child)
        assert process is not None
        assert process.incarnation == incarnation
        process.late = True
        self.deferred_exits.release_soon(process)
        if process.kind == "worker":
            self.stacks.dump(process, partial(self._kill_late, process))
        else:
            self._kill_late(process, RawReply(""))

    def _kill_late(self, child: Child, answer: RawReply | OtpyError) -> None:
        if child.reaped or child.stop_requested:
            return  # it has ended by itself meanwhile, or is being stopped
        child.hangs(str(answer.value if isinstance(answer, RawReply) else answer))
        self.end_for(child, StartTimeout(self._missing(child)))

    def end_for(self, child: Child, reason: ExitReason) -> None:
        """Kill a child for a reason of its supervisor's, or give it up if that is not permitted."""
        child.end_for(reason)
        self._kill_rest(child)

    @staticmethod
    def _missing(child: Child) -> str:
        """Return what a child that is not ready waits for, in words."""
        if child.readiness is not None:
            return child.readiness.waits_for
        from otpy.runtime.supervisor.readiness import missing_at_first  # noqa: PLC0415 - as above

        return missing_at_first(child.spec)

    def halt(self, child: str, incarnation: int) -> None:
        """Kill a worker; have a supervisor kill everything below it."""
        if (process := self._to_be_ended(child, incarnation)) is not None:
            process.halt()
            self._kill_rest(process)

    def respec(self, spec: ChildSpec, incarnation: int) -> None:
        """Have a child that is up go on with another spec: what looks at it begins anew."""
        child = self._children.get(spec.id)
        assert child is not None
        assert child.incarnation == incarnation
        self._spawner.respec(child, spec)
        if child.ready and not child.is_leaving:
            child.end_checks()
            if child.is_checked:
                self._checks.begin(child)

    def forget_spares(self) -> None:
        """End all spares; others are forked once their children are up, and all is at rest."""
        self._spares.release()

    def set_timer(self, child: str, incarnation: int, seconds: float) -> None:
        """Call back in `seconds`, or never if the process ends before."""
        timed_out = TimedOut(child, incarnation)
        timer = self._loop.call_later(seconds, lambda: self._supervisor.handle_event(timed_out))
        self.cancel_timer(child)
        if (process := self._children.get(child)) is not None:
            process.timer = timer
        else:
            self._waits[child] = timer

    def cancel_timer(self, child: str) -> None:
        """Do not call back: the child is not to start again, is up, or ends."""
        if (timer := self._waits.pop(child, None)) is not None:
            timer.cancel()
        process = self._children.get(child)
        if process is not None and process.timer is not None:
            process.timer.cancel()
            process.timer = None

    def reply(self, token: int, answer: Answer) -> None:
        """Send an answer to the requester."""
        self._supervisor.router.answer(token, answer)

    def emit(self, report: Report) -> None:
        """Publish a decision."""
        supervisor = self._supervisor
        supervisor.publish(published(report, supervisor.path, supervisor.spec, supervisor.path_of))

    def on_booted(self) -> None:
        """Report to the supervisor, which tells its parent."""
        self._supervisor.on_booted()

    def give_up(self, reason: ExitReason) -> None:
        """End the loop once nothing is left of anything."""
        self._supervisor.over(reason)
        self._spares.close()
        self._spawner.close()
        self._reaper.after_all(self._loop.stop)

    def on_idle(self) -> None:
        """End what was forked ahead or left behind: there is nothing to do now."""
        self._spawner.on_idle()
        self._loop.call_soon(self._reaper.scan)
        for id_ in self._spares.ids:
            if self._children.get(id_) is None and not self._supervisor.comes_back(id_):
                self._spares.forget(id_)
        self._spawner.keep_for_spares(bool(self._spares.ids))
        self._spares.refill_soon()

    # ---- what is forked ahead ----------------------------------------------------------------

    @property
    def pids_ahead(self) -> AbstractSet[int]:
        """Pids of the processes that are no children yet, and of what forks them."""
        return self._spawner.pids_ahead | self._spares.pids

    def ended_ahead(self, pid: int) -> bool:
        """Reap one of these, and release its resources; return whether `pid` was one."""
        return self._spares.reaped(pid) or self._spawner.ended_ahead(pid)

    def _spares_changed(self, path: str, pids: tuple[int, ...]) -> None:
        self._supervisor.publish(SparesChanged(at=time.time(), path=path, pids=pids))

    # ---- stopping ----------------------------------------------------------------------------

    def _to_be_ended(self, id_: str, incarnation: int) -> Child | None:
        """Return the process that is to end; None if it had none yet, and will have none."""
        if self._supervisor.is_ending():
            self._spares.close()  # they end first, so that nothing is left of them at the end
        elif not self._supervisor.comes_back(id_):
            self._spares.forget(id_)  # `otpy restart` has the code read anew
        if self._pending_starts.cancel(id_):
            return None
        child = self._children.get(id_)
        assert child is not None
        assert child.incarnation == incarnation
        self.deferred_exits.release_soon(child)
        child.end_checks()
        # The gateway is to hear what happened before it is told to stop.
        self._supervisor.send_published()
        if not child.stop_requested:
            self._supervisor.publish(child.stopping())
        return child

    def _kill_rest(self, child: Child) -> None:
        """Kill what is left of a child that has ended, and is waited for."""
        if child.untouchable and not child.reaped:
            self._loop.call_soon(partial(self._leave_alone, child))
        elif child.reaped and self._children.is_unreaped(child):
            self._reaper.kill_group(child.pid)
        elif child.reaped:
            self._reaper.kill_stopping()

    def _leave_alone(self, child: Child) -> None:
        """Give up a child that may not be killed, as if it had ended."""
        if child.reaped or not self._children.is_unreaped(child):
            return  # it has ended in this moment
        self.owners.unwatch(child)
        child.channel.detach()
        self._reaper.leave_alone(child.pid)
        kill_group(child.pid)
        reason = NotPermitted(child.pid)
        self._supervisor.router.child_ended(child, str(reason))
        self._children.reaped(child)
        self._is_gone(child, WaitStatus("", 0, 0), reason)

    # ---- starting ----------------------------------------------------------------------------

    def _start(self, spec: ChildSpec, incarnation: int) -> None:
        path = self._supervisor.path_of(spec.id)
        if (spare := self._spares.take(spec)) is not None:
            child = self._spawner.become(spare, incarnation)
        elif self._supervisor.is_worker(spec):
            child = self._spawn_worker(spec, path, incarnation)
        else:
            child = self._spawner.spawn_supervisor(spec, path, incarnation, self._numbers.of(path))
        try:
            child.channel.attach(
                self._loop,
                lambda message, fds: self._on_message(child, message, fds),
                partial(self._closed, child),
                lambda error: self.garbled(child, error),
            )
            self._listen(child)
        except OSError:
            self._spawner.discard(child)
            raise
        child.timer = self._waits.pop(spec.id, None)  # for its start, which had to wait
        self._children.add(child)
        self._supervisor.publish(child.starting())

    def _listen(self, child: Child) -> None:
        """Hear what a child says of itself, from its start on."""
        if child.signs is None:
            return
        from otpy.runtime.supervisor.readiness import Readiness  # noqa: PLC0415 - as below

        if child.spec.ready is not None:
            assert child.output is not None
            child.readiness = Readiness(
                self._loop,
                self.helpers,
                child.spec,
                child.path,
                child.output,
                signs=child.signs,
                on_ready=partial(self._is_up, child),
            )
        if child.signs.notify is not None:
            child.signs.notify.listen(child, partial(self._notified, child))

    def _notified(self, child: Child, notification: "Notification") -> None:
        if child.readiness is not None:
            child.readiness.notified(notification)
        self._checks.notified(child, notification)

    def _spawn_worker(self, spec: ChildSpec, path: str, incarnation: int) -> Child:
        ahead = partial(self._supervisor.starts_ahead, BATCH)
        try:
            return self._spawner.spawn_worker(spec, path, incarnation, ahead)
        except OSError:
            self._spares.release()  # they may hold what this needs, when it is tried again
            raise

    def _start_without_spare(self, child: Child) -> None:
        """Start the same incarnation once more: it was a spare, of code that has changed."""
        self._spares.drop(child.spec.id)
        self._last_output(child)
        if child.timer is not None:
            self._waits[child.spec.id], child.timer = child.timer, None
        self._children.remove(child)
        self._spawner.release(child, "outdated")
        self._pending_starts.begin(child.spec, child.incarnation)

    def _start_failed(self, id_: str, incarnation: int, reason: ExitReason) -> None:
        self.cancel_timer(id_)
        self._supervisor.publish(start_failed(self._supervisor.path_of(id_), incarnation, reason))
        self._supervisor.handle_event(StartFailure(id_, incarnation, reason))

    # ---- what children say -------------------------------------------------------------------

    def garbled(self, child: Child, error: ProtocolError) -> None:
        """End a child that sent no valid message: nothing that it sends later can be read."""
        child.channel.detach()
        child.end_for(Raised(f"ProtocolError: {error}"))

    def _on_message(self, child: Child, message: object, fds: tuple[Descriptor, ...]) -> None:
        match message:
            case Ready() if child.initialized:
                pass
            case Ready(trap_exit=trap_exit, answers_sys=answers_sys):
                child.trap_exit, child.answers_sys = trap_exit, answers_sys
                self._is_initialized(child)
            case Announced() | UsesStore():
                self._note(child, message)
            case Prepared() | Outdated():
                self._was_spare(child, message)
            case IgnoreStart():
                child.ignored = True
            case Exiting():
                child.exiting = message
            case Retiring(reason=reason):
                self._retires(child, reason)
            case Publish(events=events):
                child.note(events)
                self._numbers.note(events)
                self._supervisor.publish(*events)
            case _:
                self._supervisor.handle_message(child, message, fds)

    def _note(self, child: Child, message: Announced | UsesStore) -> None:
        if isinstance(message, UsesStore):
            self._spawner.import_durable()
        elif child.readiness is not None:
            child.readiness.announced()

    def _was_spare(self, child: Child, message: Prepared | Outdated) -> None:
        if child.was_spare and not child.initialized and isinstance(message, Outdated):
            child.outdated = True
        else:
            self.garbled(child, ProtocolError("a message that only a spare sends"))

    def _is_initialized(self, child: Child) -> None:
        child.initialized = True
        if child.stop_requested:
            # It was asked while it started, and may have been deaf to SIGTERM then.
            child.stop(for_good=not self._supervisor.comes_back(child.spec.id))
        if child.readiness is None:
            self._is_up(child)
        elif not child.stop_requested:
            child.readiness.begin()

    def _is_up(self, child: Child) -> None:
        if child.late:
            return  # that is decided, and it is killed now
        child.ready = True
        self._spares.want(child.spec, child.path)
        self._supervisor.publish(child.started())
        if child.is_checked and not child.stop_requested:
            self._checks.begin(child)
        self._supervisor.handle_event(Started(child.spec.id, child.incarnation))

    def limit_reached(self, child: Child, reason: Recycled) -> None:
        """Report to the core that a child has reached a limit at which it is replaced."""
        self._supervisor.handle_event(LimitReached(child.spec.id, child.incarnation, reason))

    def _retires(self, child: Child, reason: Recycled) -> None:
        """Note that a server takes no more messages, since it has reached a limit."""
        if child.stop_requested:
            return
        if child.recycled is None and child.spec.max_messages is not None:
            child.recycled = reason
            self.limit_reached(child, reason)
        if child.recycled is not None:
            child.end_checks()
            child.stop_requested = child.orderly = True
            self._supervisor.publish(child.stopping())
            self._supervisor.handle_event(EndBegun(child.spec.id, child.incarnation))

    def _closed(self, child: Child) -> None:
        if child.ready and not child.stop_requested:
            self._spares.stand_by(child.spec.id)
        self._hung_up(child)
        # The kernel closes what a process has open just before it makes it a zombie, and tells so.
        # To wait here for that moment is shorter than to sleep and be woken twice more. What has
        # closed its end of the pipe, and lives, costs a millisecond, once.
        if (
            child.kind != "command"
            and not self._reaper.looks_again
            and is_readable(child.pidfd.fileno(), _MOMENT_MS)
        ):
            self._reaper.look_soon()

    def _hung_up(self, child: Child) -> None:
        child.channel.detach()
        if child.kind == "command" and child.exiting is None and not child.initialized:
            # The pipe closes at exec: the program runs.
            self._is_initialized(child)

    # ---- how children end --------------------------------------------------------------------

    def _ended(self, child: Child) -> None:
        self.owners.unwatch(child)
        # Its last frames come first: a message that it sent before it died counts.
        try:
            child.channel.receive(lambda message, fds: self._on_message(child, message, fds))
            # Whether its end is seen or not: a process that was just forked may hold it, too.
            self._hung_up(child)
        except ProtocolError as error:
            self.garbled(child, error)
        child.channel.detach()
        if child.signs is not None:
            child.signs.drain()
        child.end_checks()  # what it has said may just have begun them
        status, child.reaped = reap(child.pid), True
        if child.may_be_out_of_memory(status):
            # What a shell has run has another pid, and tells by the shell's exit status.
            killed = child.pid if status.signal else None
            child.out_of_memory = self._oom_kills.explains(killed)
        if not child.orderly:
            self._reaper.kill_group(child.pid)
        # Now, and not once its group or subtree is gone, which may take as long as it has to stop.
        self._supervisor.router.child_ended(child, str(child.reason(status)))
        if child.orderly and left_in_group(child.pid):
            child.pass_on(status)
            self._reaper.after_group(child.pid, lambda: self._group_ended(child, status))
        else:
            self._group_ended(child, status)

    def _group_ended(self, child: Child, status: WaitStatus) -> None:
        self._children.reaped(child)
        gone = partial(self._is_gone, child, status)
        self._reaper.after(child, lambda: self.deferred_exits.defer(child, gone))

    def _is_gone(self, child: Child, status: WaitStatus, why: ExitReason | None = None) -> None:
        if child.outdated and not child.stop_requested:
            self._start_without_spare(child)
            return
        id_, incarnation = child.spec.id, child.incarnation
        reason = why or child.reason(status)
        if child.readiness is not None and not (child.ready or child.ignored):
            reason = EndedUnready() if isinstance(reason, Normal) else reason
        self._children.remove(child)
        if child.is_supervisor:
            self._numbers.lose(child.path)
        supervisor = self._supervisor
        if child.ready:
            end = partial(self._end_of, child, reason, status, time.time())
            # One that starts in its place is not to wait for that. But a fork needs descriptors
            # that this one has, and copies them.
            supervisor.publish(end if self._spares.has_ready(id_) else end())
            supervisor.handle_event(Exited(id_, incarnation, reason))
            supervisor.make_events()
            return
        output = self._last_output(child)
        self._spawner.release(child, str(reason))
        if child.ignored:
            ignored = ChildIgnored(at=time.time(), path=child.path, incarnation=incarnation)
            supervisor.publish(ignored)
            supervisor.handle_event(Ignored(id_, incarnation))
        else:
            supervisor.publish(child.start_failure(reason, status, output))
            supervisor.handle_event(StartFailure(id_, incarnation, reason))

    def _end_of(
        self, child: Child, reason: ExitReason, status: WaitStatus, at: float
    ) -> PublishedEvent:
        """Return the event of a child's end, and release its resources."""
        event = child.post_mortem(reason, status, self._last_output(child), at)
        self._spawner.release(child, str(reason))
        return event

    @staticmethod
    def _last_output(child: Child) -> str:
        return child.output.finish() if child.output is not None else ""
