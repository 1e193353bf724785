"""The supervisor as a state machine: events and the time go in, a state and actions come out.

It follows supervisor.erl of Erlang/OTP 26 function by function; where a rule comes from one,
the function is named. It reads no clock and starts nothing.
"""

from dataclasses import replace
from typing import assert_never

from otpy.core.exits import ExitReason, FailedToStartChild, is_clean
from otpy.core.messages import (
    Action,
    Added,
    Answer,
    AutoShutdownBegan,
    BootAsked,
    ChildCounts,
    Children,
    ChildRow,
    CountChildren,
    DeleteChild,
    Denied,
    Done,
    Emit,
    Event,
    Exited,
    GetChildSpec,
    GiveUp,
    Halt,
    HaltAsked,
    Ignored,
    Kill,
    NotStarted,
    Removed,
    Reply,
    Request,
    Requested,
    RestartChild,
    Restarting,
    SetTimer,
    Start,
    StartChild,
    Started,
    StartFailed,
    Stop,
    StopAsked,
    TerminateChild,
    TimedOut,
    TooManyRestarts,
    TryAgain,
    Up,
    WhichChildren,
)
from otpy.core.spec import (
    BRUTAL_KILL,
    INFINITY,
    AutoShutdown,
    ChildSpec,
    Restart,
    bad_combination,
)
from otpy.core.state import (
    ALIVE,
    Booting,
    Child,
    Ending,
    Purpose,
    Recovering,
    StartingOne,
    Status,
    StoppingOne,
    SupervisorState,
    Work,
)
from otpy.core.strategy import affected, stop_order


def decide(
    state: SupervisorState, event: Event, now: float
) -> tuple[SupervisorState, tuple[Action, ...]]:
    """Say what the supervisor does next.

    Args:
        state: What it remembers; it is not changed.
        event: What happened.
        now: Monotonic time in seconds, for the restart window.
    """
    if state.over:
        return state, ()
    turn = _Turn(state, now)
    turn.take(event)
    turn.serve_mailbox()
    return turn.result(), tuple(turn.actions)


def should_restart(policy: Restart, reason: ExitReason) -> bool:
    """Tell whether a child that ended with `reason` is started again (``do_restart``)."""
    match policy:
        case Restart.PERMANENT:
            return True
        case Restart.TRANSIENT:
            return not is_clean(reason)
        case Restart.TEMPORARY:
            return False


class _Turn:
    """One call of `decide`: a working copy of the state, and the actions so far."""

    def __init__(self, state: SupervisorState, now: float) -> None:
        self._before = state
        self._now = now
        self._spec = state.spec
        self._children = dict(state.children)
        self._starts = dict(state.starts)
        self._restarts = state.restarts
        self._work = state.work
        self._mailbox = list(state.mailbox)
        self._over = False
        self.actions: list[Action] = []

    def result(self) -> SupervisorState:
        return replace(
            self._before,
            children=self._children,
            starts=self._starts,
            restarts=self._restarts,
            work=self._work,
            mailbox=tuple(self._mailbox),
            over=self._over,
        )

    # ---- what arrives ------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """Handle what cannot wait; put the rest into the mailbox."""
        match event:
            case BootAsked():
                self._begin(Booting(), start=tuple(self._children))
            case StopAsked():
                self._stop_asked()
            case HaltAsked():
                self._halt_asked()
            case Started():
                self._started(event)
            case Ignored():
                self._ignored(event)
            case StartFailed():
                self._start_failed(event)
            case TimedOut():
                self._timed_out(event)
            case Exited():
                self._exited(event)
            case Requested() | TryAgain():
                self._mailbox.append(event)
            case _:
                assert_never(event)

    def serve_mailbox(self) -> None:
        """Serve what waits, oldest first, until something has to be waited for."""
        while self._mailbox and self._work is None and not self._over:
            event = self._mailbox.pop(0)
            match event:
                case Exited(child=id_, reason=reason):
                    self._child_ended(id_, reason)
                case TryAgain(child=id_, reason=reason):
                    self._try_again(id_, reason)
                case Requested(token=token, request=request):
                    self._requested(token, request)
                case _:
                    raise AssertionError(event)

    def _current(self, id_: str, incarnation: int) -> Child | None:
        """Find the child that a message means; None if it means an earlier incarnation."""
        child = self._children.get(id_)
        return child if child is not None and child.incarnation == incarnation else None

    # ---- starting ----------------------------------------------------------------------------

    def _started(self, event: Started) -> None:
        child = self._current(event.child, event.incarnation)
        if child is None or child.status is not Status.STARTING:
            return
        self._children[event.child] = replace(child, status=Status.RUNNING)
        self._start_is_settled(event.child)

    def _ignored(self, event: Ignored) -> None:
        if self._current(event.child, event.incarnation) is None:
            return
        self._settle(event.child)
        self._start_is_settled(event.child)

    def _start_is_settled(self, id_: str) -> None:
        work = self._work
        if work is not None and not work.stop and work.start[:1] == (id_,):
            self._work = replace(work, start=work.start[1:])
        self._advance()

    def _start_failed(self, event: StartFailed) -> None:
        child = self._current(event.child, event.incarnation)
        if child is None or child.status not in ALIVE or self._work is None:
            return
        match self._work.purpose:
            case Booting():
                self._drop(child)
                self._end(FailedToStartChild(event.child, event.reason))
            case Recovering():
                # `try_again`: the supervisor writes to itself, so that whatever is in the
                # mailbox already is served before the next try (``restart/2``).
                self._children[event.child] = replace(child, status=Status.RESTARTING)
                self._mailbox.append(TryAgain(event.child, event.reason))
                self._work = None
            case StartingOne(token=token, added=added):
                if added:
                    self._remove(event.child)
                else:
                    self._settle(event.child)
                self._work = None
                self._reply(token, NotStarted(event.reason))
            case StoppingOne() | Ending():
                self._settle(event.child)
                self._advance()

    # ---- ends --------------------------------------------------------------------------------

    def _exited(self, event: Exited) -> None:
        child = self._current(event.child, event.incarnation)
        if child is None or child.status not in ALIVE:
            return
        if self._work is not None and event.child in self._work.stop:
            # It is being stopped, or would be: its end is that stop, and no restart
            # (``shutdown/1`` takes the child's real EXIT out of the mailbox).
            self._settle(event.child)
            self._advance()
        else:
            self._mailbox.append(event)

    def _child_ended(self, id_: str, reason: ExitReason) -> None:
        child = self._children[id_]
        if should_restart(child.spec.restart, reason):
            self._restart(id_, reason)
            return
        self._settle(id_)
        if child.spec.significant and self._auto_shutdown_is_due():
            self._emit(AutoShutdownBegan(id_))
            self._end()

    def _auto_shutdown_is_due(self) -> bool:
        match self._spec.auto_shutdown:
            case AutoShutdown.NEVER:
                return False
            case AutoShutdown.ANY_SIGNIFICANT:
                return True
            case AutoShutdown.ALL_SIGNIFICANT:
                return not any(
                    child.spec.significant and child.status is not Status.UNDEFINED
                    for child in self._children.values()
                )

    def _try_again(self, id_: str, reason: ExitReason) -> None:
        child = self._children.get(id_)
        if child is not None and child.status is Status.RESTARTING:
            self._restart(id_, reason)

    def _restart(self, id_: str, reason: ExitReason) -> None:
        """Restart a child and its group, or give up (``restart/2``)."""
        limit = self._spec.intensity
        # Recorded before the attempt; a success never clears it (``add_restart``).
        self._restarts = self._restarts.record(self._now, limit)
        count = len(self._restarts.times)
        self._settle(id_)
        if self._restarts.exceeds(limit):
            self._emit(TooManyRestarts(id_, reason, count))
            self._end()
            return
        self._emit(Restarting(id_, reason, count))
        group = affected(self._spec.strategy, tuple(self._children), id_)
        kept = (i for i in group if self._children[i].spec.restart is not Restart.TEMPORARY)
        self._begin(Recovering(), stop=stop_order(group), start=tuple(kept))

    # ---- stopping ----------------------------------------------------------------------------

    def _stop_asked(self) -> None:
        if self._work is None or not isinstance(self._work.purpose, Ending):
            self._end()

    def _halt_asked(self) -> None:
        if self._work is None or not isinstance(self._work.purpose, Ending):
            self._end()
        for id_, child in self._children.items():
            if child.status in ALIVE:
                self._children[id_] = replace(child, status=Status.STOPPING)
                self.actions.append(Halt(id_, child.incarnation))

    def _timed_out(self, event: TimedOut) -> None:
        child = self._current(event.child, event.incarnation)
        if child is not None and child.status is Status.STOPPING:
            self.actions.append(Kill(event.child, event.incarnation))

    def _order_stop(self, id_: str, child: Child) -> None:
        """Ask a child to end, within its budget (``shutdown/1``)."""
        self._children[id_] = replace(child, status=Status.STOPPING)
        budget = child.spec.shutdown
        if budget == BRUTAL_KILL:
            self.actions.append(Kill(id_, child.incarnation))
            return
        self.actions.append(Stop(id_, child.incarnation))
        if budget != INFINITY:
            self.actions.append(SetTimer(id_, child.incarnation, float(budget)))

    def _end(self, reason: ExitReason | None = None) -> None:
        """Stop every child, latest first, then end."""
        alive = [i for i, c in self._children.items() if c.status is not Status.UNDEFINED]
        # A child that is being stopped already is waited for first.
        order = sorted(stop_order(alive), key=self._is_stopping, reverse=True)
        purpose = Ending() if reason is None else Ending(reason)
        self._begin(purpose, stop=tuple(order))

    def _is_stopping(self, id_: str) -> bool:
        return self._children[id_].status is Status.STOPPING

    # ---- the work in hand --------------------------------------------------------------------

    def _begin(
        self, purpose: Purpose, stop: tuple[str, ...] = (), start: tuple[str, ...] = ()
    ) -> None:
        self._work = Work(purpose, stop, start)
        self._advance()

    def _advance(self) -> None:
        """Go on with the work until a child has to be waited for, or it is finished."""
        while (work := self._work) is not None:
            if work.stop:
                if self._must_wait_for_stop(work.stop[0]):
                    return
                self._work = replace(work, stop=work.stop[1:])
            elif work.start:
                self._start_head(work.start[0])
                return
            else:
                self._work = None
                self._finish(work.purpose)

    def _must_wait_for_stop(self, id_: str) -> bool:
        child = self._children.get(id_)
        if child is None:
            return False
        if child.status in ALIVE and self._consume_exit(id_):
            self._settle(id_)
            return False
        match child.status:
            case Status.STOPPING:
                return True
            case Status.STARTING | Status.RUNNING:
                self._order_stop(id_, child)
                return True
            case Status.UNDEFINED | Status.RESTARTING:
                self._settle(id_)
                return False

    def _consume_exit(self, id_: str) -> bool:
        """Take a child's queued end out of the mailbox: it ended before it was stopped."""
        for position, event in enumerate(self._mailbox):
            if isinstance(event, Exited) and event.child == id_:
                del self._mailbox[position]
                return True
        return False

    def _start_head(self, id_: str) -> None:
        child = self._children[id_]
        if child.status is Status.STARTING:
            return
        number = self._starts.get(id_, 0) + 1
        self._starts[id_] = number
        self._children[id_] = replace(child, status=Status.STARTING, incarnation=number)
        self.actions.append(Start(child.spec, number))

    def _finish(self, purpose: Purpose) -> None:
        match purpose:
            case Booting():
                self.actions.append(Up())
            case Recovering():
                pass
            case StartingOne(token=token, child=id_):
                child = self._children.get(id_)
                up = child is not None and child.status is Status.RUNNING
                self._reply(token, Done(id_, child.incarnation if child and up else None))
            case StoppingOne(token=token, child=id_):
                self._reply(token, Done(id_))
            case Ending(reason=reason):
                self._over = True
                self.actions.append(GiveUp(reason))
            case _:
                assert_never(purpose)

    def _settle(self, id_: str) -> None:
        """Note that a child has no process; a temporary one leaves the list (``del_child``)."""
        self._drop(self._children[id_])

    def _drop(self, child: Child) -> None:
        if child.spec.restart is Restart.TEMPORARY:
            self._remove(child.spec.id)
        else:
            self._children[child.spec.id] = replace(child, status=Status.UNDEFINED)

    def _remove(self, id_: str) -> None:
        del self._children[id_]
        self._emit(Removed(id_))

    # ---- requests (the table "API, exact results") -------------------------------------------

    def _requested(self, token: int, request: Request) -> None:
        match request:
            case StartChild(spec=spec):
                self._start_child(token, spec)
            case WhichChildren():
                self._reply(token, self._which_children())
            case CountChildren():
                self._reply(token, self._count_children())
            case TerminateChild() | RestartChild() | DeleteChild() | GetChildSpec():
                child = self._children.get(request.id)
                if child is None:
                    self._reply(token, Denied("not_found"))
                else:
                    self._about_child(token, request, child)
            case _:
                assert_never(request)

    def _about_child(
        self,
        token: int,
        request: TerminateChild | RestartChild | DeleteChild | GetChildSpec,
        child: Child,
    ) -> None:
        match request:
            case GetChildSpec():
                self._reply(token, child.spec)
            case TerminateChild(id=id_):
                self._begin(StoppingOne(token, id_), stop=(id_,))
            case _ if child.status is Status.RUNNING:
                self._reply(token, Denied("running"))
            case _ if child.status is Status.RESTARTING:
                self._reply(token, Denied("restarting"))
            case RestartChild(id=id_):
                self._begin(StartingOne(token, id_, added=False), start=(id_,))
            case DeleteChild(id=id_):
                self._remove(id_)
                self._reply(token, Done(id_))

    def _start_child(self, token: int, spec: ChildSpec) -> None:
        present = self._children.get(spec.id)
        if detail := bad_combination(spec, self._spec.auto_shutdown):
            self._reply(token, Denied("bad_combination", detail))
        elif present is None:
            self._children[spec.id] = Child(spec)
            self._emit(Added(spec))
            self._begin(StartingOne(token, spec.id, added=True), start=(spec.id,))
        elif present.status is Status.RUNNING:
            self._reply(token, Denied("already_started"))
        else:
            self._reply(token, Denied("already_present"))

    def _which_children(self) -> Children:
        names = {Status.RUNNING: "running", Status.RESTARTING: "restarting"}
        return Children(
            tuple(
                ChildRow(id_, names.get(child.status, "undefined"), _kind(child), child.incarnation)
                for id_, child in reversed(self._children.items())
            )
        )

    def _count_children(self) -> ChildCounts:
        children = self._children.values()
        supervisors = sum(child.spec.is_supervisor for child in children)
        active = sum(child.status is Status.RUNNING for child in children)
        return ChildCounts(len(children), active, supervisors, len(children) - supervisors)

    # ---- small change ------------------------------------------------------------------------

    def _reply(self, token: int, answer: Answer) -> None:
        self.actions.append(Reply(token, answer))

    def _emit(
        self, report: Restarting | TooManyRestarts | AutoShutdownBegan | Added | Removed
    ) -> None:
        self.actions.append(Emit(report))


def _kind(child: Child) -> str:
    return "supervisor" if child.spec.is_supervisor else "worker"
