"""One call of `decide`: a working copy of the supervisor's memory, and the work in hand."""

from typing import Final, assert_never

from otpy.core.exits import ExitReason, Recycled, Shutdown
from otpy.core.intensity import RestartLog
from otpy.core.messages import (
    Action,
    Added,
    Answer,
    Arranged,
    BackingOff,
    CancelTimer,
    Denied,
    Done,
    Emit,
    EssentialEnded,
    Failed,
    GiveUp,
    Kill,
    Removed,
    Report,
    Results,
    Retire,
    SendReply,
    SetTimer,
    Start,
    StaysDown,
    Stop,
    Up,
)
from otpy.core.queue import Queue
from otpy.core.records import replace
from otpy.core.spec import (
    BRUTAL_KILL,
    INFINITY,
    Essential,
    Restart,
    ServerStart,
    kind_of,
    without_arguments,
)
from otpy.core.state import (
    ALIVE,
    Booting,
    Child,
    Ending,
    Purpose,
    Recovering,
    Reloading,
    ReloadStep,
    StartingOne,
    Status,
    StoppingGroup,
    StoppingOne,
    StoppingSome,
    SupervisorState,
    Target,
    Work,
    made_number,
)
from otpy.core.strategy import affected, stop_order

_RELOADED: Final = Recycled("reload")


class Transition:
    """The state as it changes, and the actions so far.

    The work in hand is a list of children to stop, then a list of children to start: one
    after another, each waited for.
    """

    def __init__(self, state: SupervisorState, now: float, chance: float) -> None:
        self.now, self.chance = now, chance
        self.spec = state.spec
        self.children = state.children
        self.numbers = state.numbers
        self.inherited = state.inherited
        self.made = state.made
        self.restarts = state.restarts
        self.work = state.work
        self.mailbox = state.mailbox
        self.over = state.over
        self.reload: Reloading | None = state.reload
        self.step_is_over = False
        self.actions: list[Action] = []

    def result(self) -> SupervisorState:
        """Freeze what the supervisor remembers now."""
        return SupervisorState(
            self.spec,
            self.children,
            self.numbers,
            self.inherited,
            self.made,
            self.restarts,
            self.work,
            self.mailbox,
            self.over,
            self.reload,
        )

    def reply(self, token: int, answer: Answer) -> None:
        """Answer a request."""
        self.actions.append(SendReply(token, answer))

    def emit(self, report: Report) -> None:
        """Publish a decision."""
        self.actions.append(Emit(report))

    # ---- the list of children ----------------------------------------------------------------

    def current(self, id_: str, incarnation: int) -> Child | None:
        """Find the child that a message means; None if it means an earlier incarnation."""
        child = self.children.get(id_)
        return child if child is not None and child.incarnation == incarnation else None

    def put(self, child: Child) -> Child:
        """Replace the record of a child; return it."""
        self.children = self.children.put(child.spec.id, child)
        return child

    def mark(self, child: Child, status: Status) -> None:
        """Set the status of a child."""
        self.put(replace(child, status=status))

    def settle(self, child: Child) -> None:
        """Note that a child has no process.

        A temporary one leaves the list (``del_child``), and so does every child of a dynamic
        supervisor (dynamic_supervisor.ex, ``delete_child``).
        """
        leaves = child.spec.restart is Restart.TEMPORARY or self.spec.is_dynamic
        if leaves and not self._is_being_replaced(child.spec.id):
            self.remove(child.spec.id)
        else:
            self.mark(child, Status.UNDEFINED)

    def stay_down(self, child: Child) -> None:
        """Note that a child which waits for its next start, or had failed, will not be started.

        Those of its group that wait for it do not, either: nobody else starts them.
        """
        id_ = child.spec.id
        for each in self.waiting_for(id_) if child.waits_for == id_ else (child,):
            self.emit(StaysDown(each.spec.id))
            self.settle(self.rested(each))

    def waiting_for(self, id_: str) -> list[Child]:
        """List the children, in start order, that wait for the next start of one, itself too."""
        all_ = self.children.values()
        return [one for one in all_ if one.status is Status.BACKOFF and one.waits_for == id_]

    def rested(self, child: Child) -> Child:
        """Return a child without what it waits for, or has failed with."""
        if child.waits_for == child.spec.id:
            self.actions.append(CancelTimer(child.spec.id))
        return replace(child, waits_for="", failure=None)

    def fail(self, child: Child, reason: ExitReason, restarts: int) -> None:
        """Note that a child stays down, since it was over its own limits."""
        assert child.spec.own_intensity is not None
        self.put(replace(child, status=Status.FAILED, failure=reason))
        self.emit(Failed(child.spec.id, reason, restarts, child.spec.own_intensity))
        if child.spec.essential is not Essential.NO:
            self.emit(EssentialEnded(child.spec.id, reason))

    def stopped(self, child: Child, reason: ExitReason) -> None:
        """Note that a child which was asked to stop has ended.

        A temporary one that stops with its group is gone for good, though nobody asked for that.
        """
        self.settle(child)
        is_temporary = child.spec.restart is Restart.TEMPORARY
        with_group = self.work is not None and isinstance(
            self.work.purpose, Recovering | StoppingGroup
        )
        if is_temporary and with_group and child.spec.essential is not Essential.NO:
            self.emit(EssentialEnded(child.spec.id, reason))

    def back_off(self, child: Child, reason: ExitReason, seconds: float) -> None:
        """Let a child, and its group with it, wait for its next start."""
        id_ = child.spec.id
        group = affected(self.spec.strategy, self.children, id_)
        self.put(replace(child, status=Status.BACKOFF, waits_for=id_))
        self.actions.append(SetTimer(id_, child.incarnation, seconds))
        self._report_backoff(child, id_, reason, seconds)
        others = tuple(i for i in group if i != id_)
        self.begin(StoppingGroup(id_, reason, seconds), stop=stop_order(others))

    def _group_has_stopped(self, purpose: StoppingGroup) -> None:
        id_ = purpose.child
        for other in affected(self.spec.strategy, self.children, id_):
            child = self.children[other]
            if child.status is Status.UNDEFINED and child.spec.restart is not Restart.TEMPORARY:
                self.put(replace(child, status=Status.BACKOFF, waits_for=id_))
                self._report_backoff(child, id_, purpose.reason, purpose.seconds)

    def _report_backoff(
        self, child: Child, waits_for: str, reason: ExitReason, seconds: float
    ) -> None:
        own = child.spec.own_intensity
        log = self.restarts if own is None else child.restarts
        self.emit(BackingOff(child.spec.id, reason, seconds, len(log.times), own, waits_for))

    def remove(self, id_: str) -> None:
        """Forget a child's spec."""
        child = self.children[id_]
        self.children = self.children.without(id_)
        if child.incarnation and not child.once:
            self.numbers = self.numbers.with_gone({id_: child.incarnation})
        self.emit(Removed(id_, child.once))

    # ---- the work in hand --------------------------------------------------------------------

    def begin(
        self, purpose: Purpose, *, stop: tuple[str, ...] = (), start: tuple[str, ...] = ()
    ) -> None:
        """Begin a piece of work, in place of any other."""
        self.work = Work(purpose, Queue(stop), Queue(start))
        self.advance()

    def end(self, reason: ExitReason | None = None, *, for_good: bool = False) -> None:
        """Stop every child, latest first, then end; with `Shutdown` if no reason is given.

        One that is ending already does so with its own reason.
        """
        if self.work is not None and isinstance(ending := self.work.purpose, Ending):
            ending = replace(ending, for_good=ending.for_good or for_good)
            self.work = replace(self.work, purpose=ending)
            return
        self.reload = None
        # The one that is being stopped already, if any, is waited for first.
        stopping = (self.work.stop.head,) if self.work is not None and self.work.stop else ()
        order = (*stopping, *stop_order(self.children))
        self._begin_stops(Ending(reason or Shutdown(), for_good), order)

    def stop_some(self, token: int, ids: tuple[str, ...]) -> None:
        """Stop those of these children that are there, latest first, then answer."""
        known = frozenset(ids) & self.children.keys()
        order = stop_order(id_ for id_ in self.children if id_ in known)
        self._begin_stops(StoppingSome(token, ids, known), order)

    def advance(self) -> None:
        """Continue the work until a child has to be waited for, or it is finished."""
        work = self.work
        if work is None:
            return
        left = self._left_to_stop(work.stop)
        self.work = replace(work, stop=left)
        if left:
            return
        if isinstance(work.purpose, ReloadStep) and work.purpose.target is not None:
            self.retarget(work.purpose.target)
        if work.start:
            self._start(self.children[work.start.head])
            return
        self.work = None
        self._finish(work.purpose)

    def start_is_settled(self) -> None:
        """Continue after the child at the head of `start`: it is up, or ignored its start."""
        if self.work is not None:
            self.work = replace(self.work, start=self.work.start.rest)
        self.advance()

    def _begin_stops(self, purpose: Purpose, order: tuple[str, ...]) -> None:
        """Stop children in this order; of a dynamic supervisor all at once.

        Those do not use each other, so that none has to wait for a sibling: all are asked
        before any is waited for, each within its own budget (dynamic_supervisor.ex,
        ``terminate_children``).
        """
        if self.spec.is_dynamic:
            self.work = Work(purpose)
            for id_ in order:
                if (child := self.children.get(id_)) is not None:
                    self._must_wait_for_stop(child)
        self.begin(purpose, stop=order)

    def _is_being_replaced(self, id_: str) -> bool:
        """Return whether a child is stopped to be started with another spec, in its place."""
        work = self.work
        if work is None or not isinstance(work.purpose, ReloadStep) or not work.stop:
            return False
        return work.purpose.target is not None and work.purpose.target.spec.id == id_

    def retarget(self, target: Target) -> None:
        """Give a child that has no process another spec, as if it had never failed."""
        child = self.children.get(target.spec.id)
        if child is None or child.status in ALIVE:
            return  # it has been done
        if child.declared == target.declared and child.status is not Status.FAILED:
            return
        if is_of_another_kind := kind_of(child.spec) != kind_of(target.spec):
            self.emit(Removed(child.spec.id))
        self.put(
            replace(
                child,
                spec=target.spec,
                declared=target.declared,
                status=Status.UNDEFINED,
                restarts=RestartLog(),
                wait=None,
                waits_for="",
                failure=None,
                retiring=False,
            )
        )
        if is_of_another_kind:
            self.emit(Added(target.spec))
            self.emit_order()

    def emit_order(self) -> None:
        """Publish in which order the children that the tree declares are."""
        declared = [id_ for id_, one in self.children.items() if one.declared is not None]
        self.emit(Arranged(tuple(declared)))

    def _left_to_stop(self, ids: Queue[str]) -> Queue[str]:
        while ids:
            child = self.children.get(ids.head)
            if child is not None and self._must_wait_for_stop(child):
                break
            ids = ids.rest
        return ids

    def _must_wait_for_stop(self, child: Child) -> bool:
        match child.status:
            case Status.STOPPING:
                return True
            case Status.STARTING | Status.RUNNING:
                self._order_stop(child)
                return True
            case Status.ENDED | Status.RESTARTING:
                # What the mailbox still holds about it is void from now on: its end was this
                # stop (``shutdown/1`` takes a dead child's real EXIT out of the mailbox).
                self.settle(child)
                return False
            case Status.BACKOFF | Status.FAILED:
                self._stop_waiting(child)
                return False
            case Status.UNDEFINED:
                return False

    def _stop_waiting(self, child: Child) -> None:
        """Stop a child that has no process: on request, with its group or with the supervisor."""
        assert self.work is not None
        match self.work.purpose:
            case StoppingOne() | StoppingSome():
                self.stay_down(child)
            case Ending():
                self.settle(self.rested(child))
            case _ if child.status is Status.BACKOFF:
                # Its group begins anew, at once or later.
                self.mark(self.rested(child), Status.UNDEFINED)

    def _order_stop(self, child: Child) -> None:
        """Ask a child to end, within its budget (``shutdown/1``)."""
        self.cancel_start_timer(child)
        was_up = child.status is Status.RUNNING
        self.mark(child, Status.STOPPING)
        if child.spec.shutdown == BRUTAL_KILL:
            self.actions.append(Kill(child.spec.id, child.incarnation))
            return
        is_reload = self.work is not None and isinstance(self.work.purpose, ReloadStep)
        if is_reload and was_up and isinstance(child.spec.start, ServerStart):
            # Its callers are to notice nothing: what has arrived is answered, others try again.
            self.actions.append(Retire(child.spec.id, child.incarnation, _RELOADED))
        else:
            self.actions.append(Stop(child.spec.id, child.incarnation))
        self.limit_stop(child)

    def limit_stop(self, child: Child) -> None:
        """Kill a child that ends once its budget is over."""
        id_, budget = child.spec.id, child.spec.shutdown
        if budget == BRUTAL_KILL:
            self.actions.append(Kill(id_, child.incarnation))
        elif budget != INFINITY:
            self.actions.append(SetTimer(id_, child.incarnation, float(budget)))

    def retire(self, child: Child, reason: Recycled) -> None:
        """Ask a child that has reached a limit to end; its siblings and all else go on."""
        if not child.retiring:
            self.put(replace(child, retiring=True))
            self.actions.append(Retire(child.spec.id, child.incarnation, reason))

    def _start(self, child: Child) -> None:
        incarnation = (child.incarnation or self._number_before(child)) + 1
        is_temporary = child.spec.restart is Restart.TEMPORARY
        # One that is never started again needs no arguments (``save_child``).
        spec = without_arguments(child.spec) if is_temporary else child.spec
        started = replace(child, spec=spec, status=Status.STARTING, incarnation=incarnation)
        self.put(replace(started, retiring=False) if child.retiring else started)
        self.actions.append(Start(child.spec, incarnation))
        if (limit := child.spec.start_timeout) is not None:
            self.actions.append(SetTimer(child.spec.id, incarnation, limit))

    def cancel_start_timer(self, child: Child) -> None:
        """Do not have the start of a child fail for its time: it is up, or is to end."""
        if child.status is Status.STARTING and child.spec.start_timeout is not None:
            self.actions.append(CancelTimer(child.spec.id))

    def _number_before(self, child: Child) -> int:
        """Return the highest number that this id, which has no child yet, can have had."""
        id_ = child.spec.id
        number = made_number(self.spec.template, id_)
        is_new = child.once or number > self.made
        if not number and self.spec.template is not None and id_ not in self.numbers.last:
            self.made += 1
        self.made = max(self.made, number)
        return self.numbers.last.get(id_, self.inherited) if is_new else self.numbers.of(id_)

    def _finish(self, purpose: Purpose) -> None:
        match purpose:
            case Booting():
                self.actions.append(Up())
            case Recovering():
                pass
            case StoppingGroup():
                self._group_has_stopped(purpose)
            case StartingOne(token=token, child=id_):
                child = self.children.get(id_)
                up = child is not None and child.status is Status.RUNNING
                kind = "supervisor" if child and child.spec.is_supervisor else "worker"
                self.reply(token, Done(id_, child.incarnation if child and up else None, kind))
            case StoppingOne(token=token, child=id_):
                self.reply(token, Done(id_))
            case StoppingSome(token=token, children=ids, known=known):
                answers = [Done(id_) if id_ in known else Denied("not_found") for id_ in ids]
                self.reply(token, Results(tuple(answers)))
            case ReloadStep():
                self.step_is_over = True
            case Ending(reason=reason):
                self.over = True
                self.actions.append(GiveUp(reason))
            case _:
                assert_never(purpose)
