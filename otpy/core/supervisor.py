"""The supervisor as a state machine: events and the time go in, a state and actions come out.

It follows supervisor.erl of Erlang/OTP 26 function by function; where a rule comes from one,
the function is named. It reads no clock and starts nothing.
"""

from collections.abc import Iterator

from otpy.core.exits import (
    ExitReason,
    FailedToStartChild,
    IntensityReached,
    Recycled,
    Shutdown,
    Stopped,
)
from otpy.core.messages import (
    Action,
    AutoShutdownBegan,
    BootAsked,
    EndBegun,
    EssentialEnded,
    Event,
    Exited,
    FailStart,
    GetSpec,
    Halt,
    HaltAsked,
    Ignored,
    Kill,
    LimitReached,
    NotStarted,
    ReloadNext,
    Replacing,
    Requested,
    Restarting,
    SetTimer,
    StartAgain,
    Started,
    StartFailure,
    StopAsked,
    TimedOut,
    TooManyRestarts,
    TryAgain,
)
from otpy.core.queue import Queue
from otpy.core.records import replace
from otpy.core.reload import continue_reload, reload_failed, step_is_over
from otpy.core.requests import serve
from otpy.core.spec import AutoShutdown, OnGiveUp, Restart, Retries
from otpy.core.state import (
    ALIVE,
    Booting,
    Child,
    Ending,
    Recovering,
    ReloadStep,
    StartingOne,
    Status,
    StoppingGroup,
    StoppingOne,
    StoppingSome,
    SupervisorState,
    backoff_of,
    is_contained,
)
from otpy.core.strategy import affected, ends_node, should_restart, stop_order
from otpy.core.transition import Transition

__all__ = ["decide", "should_restart"]


def decide(
    state: SupervisorState, event: Event, now: float, chance: float = 0.5
) -> tuple[SupervisorState, tuple[Action, ...]]:
    """Return the next state of the supervisor and its actions.

    Args:
        state: Its state, which is not changed.
        event: What happened.
        now: Monotonic time in seconds, for the restart window.
        chance: A random number from 0 to 1, for the jitter of a backoff.
    """
    if state.over:
        return state, ()
    transition = Transition(state, now, chance)
    _take(transition, event)
    _serve_mailbox(transition)
    return transition.result(), tuple(transition.actions)


def _take(transition: Transition, event: Event) -> None:
    """Handle what cannot wait; put the rest into the mailbox."""
    match event:
        case BootAsked():
            transition.begin(Booting(), start=tuple(transition.children))
        case StopAsked(for_good=for_good):
            transition.end(for_good=for_good)
        case HaltAsked():
            _halt_asked(transition)
        case Requested(token=token, request=GetSpec() as request):
            serve(transition, token, request)  # which nothing has to be waited for
        case Requested() | TryAgain() | StartAgain() | ReloadNext():
            transition.mailbox = transition.mailbox.with_(event)
        case _:
            child = transition.current(event.child, event.incarnation)
            if child is not None:
                _heard_of(transition, child, event)


def _heard_of(
    transition: Transition,
    child: Child,
    event: Started | Ignored | StartFailure | Exited | TimedOut | LimitReached | EndBegun,
) -> None:
    match event:
        case TimedOut():
            _timed_out(transition, child)
        case LimitReached() | EndBegun():
            _recycle(transition, child, event)
        case _:
            _heard_of_process(transition, child, event)


def _heard_of_process(
    transition: Transition, child: Child, event: Started | Ignored | StartFailure | Exited
) -> None:
    """Handle what happened to a child; what does not fit where it stands came too late."""
    match child.status, event:
        case Status.STARTING, Started():
            transition.cancel_start_timer(child)
            transition.put(replace(child, status=Status.RUNNING, up_since=transition.now))
            transition.start_is_settled()
        case Status.STARTING, Ignored():
            transition.settle(child)
            transition.start_is_settled()
        case Status.STARTING, StartFailure(reason=reason) | Exited(reason=reason):
            _start_failed(transition, child, reason)
        case Status.RUNNING, Exited(reason=reason):
            if ends_node(child.spec.essential, child.spec.restart, reason):
                # At once: what is served before it may start the child again, with its group.
                transition.emit(EssentialEnded(child.spec.id, reason))
            transition.mark(_without_wait_if_up_long(transition, child), Status.ENDED)
            transition.mailbox = transition.mailbox.with_(event)
        case Status.STOPPING, Exited() | StartFailure() | Ignored():
            reason = Shutdown() if isinstance(event, Ignored) else event.reason
            transition.stopped(child, reason)
            transition.advance()


def _timed_out(transition: Transition, child: Child) -> None:
    match child.status:
        case Status.STARTING:
            transition.actions.append(FailStart(child.spec.id, child.incarnation))
        case Status.STOPPING:
            transition.actions.append(Kill(child.spec.id, child.incarnation))
        case Status.RUNNING if child.retiring:
            transition.actions.append(Kill(child.spec.id, child.incarnation))
        case Status.RESTARTING | Status.BACKOFF if _has_waited(child):
            transition.mailbox = transition.mailbox.with_(StartAgain(child.spec.id))
        case _:
            pass  # it came too late


def _recycle(transition: Transition, child: Child, event: LimitReached | EndBegun) -> None:
    """Replace a child that runs, in two steps: it handles its message in hand before it ends."""
    match child.status, event:
        case Status.RUNNING, LimitReached(reason=reason):
            transition.retire(child, reason)
        case Status.RUNNING, EndBegun() if child.retiring:
            transition.limit_stop(child)


def _without_wait_if_up_long(transition: Transition, child: Child) -> Child:
    backoff = backoff_of(child.spec)
    was_up_long = transition.now - child.up_since >= backoff.reset_after
    return replace(child, wait=None) if was_up_long and child.wait is not None else child


def _has_waited(child: Child) -> bool:
    """Return whether a child waits for its own timer, and not for another's or for none."""
    if child.spec.retries is not None:
        return child.status is Status.RESTARTING
    return child.waits_for == child.spec.id


def _serve_mailbox(transition: Transition) -> None:
    """Serve what waits, oldest first, until something has to be waited for."""
    while transition.work is None and not transition.over:
        if transition.step_is_over:
            step_is_over(transition)
        elif transition.mailbox:
            event, transition.mailbox = transition.mailbox.head, transition.mailbox.rest
            _serve(transition, event)
        else:
            return


def _serve(transition: Transition, event: Event) -> None:
    match event:
        case Exited(child=id_, incarnation=incarnation, reason=reason):
            child = transition.current(id_, incarnation)
            if child is not None and child.status is Status.ENDED:
                _react_to_end(transition, child, reason)
        case TryAgain(child=id_, reason=reason):
            child = transition.children.get(id_)
            if child is not None and child.status is Status.RESTARTING:
                _restart(transition, child, reason, group_is_down=True)
        case StartAgain(child=id_):
            child = transition.children.get(id_)
            if child is not None and _has_waited(child):
                _restart_group(transition, transition.put(replace(child, waits_for="")))
        case Requested(token=token, request=request):
            serve(transition, token, request)
        case ReloadNext():
            continue_reload(transition)
        case _:
            raise AssertionError(event)


# ---- starts that fail ------------------------------------------------------------------------


def _start_failed(transition: Transition, child: Child, reason: ExitReason) -> None:
    assert transition.work is not None, "children start only as part of some work"
    match transition.work.purpose:
        case Booting() if is_contained(child.spec):
            _try_again_after_boot(transition, child, reason)
        case Booting():
            transition.settle(child)
            transition.end(FailedToStartChild(child.spec.id, reason))
        case Recovering():
            # `try_again`: the supervisor writes to itself, so that whatever is in the
            # mailbox already is served before the next try (``restart/2``).
            transition.mark(child, Status.RESTARTING)
            transition.mailbox = transition.mailbox.with_(TryAgain(child.spec.id, reason))
            transition.work = None
        case StartingOne(token=token, added=added) as asked:
            transition.work = None
            if added:
                transition.remove(child.spec.id)
            else:
                _down_as_before(transition, child, reason, asked)
            transition.reply(token, NotStarted(reason))
        case ReloadStep():
            reload_failed(transition, child, reason)
        case StoppingGroup():
            raise AssertionError("nobody starts as a group stops to wait")
        case StoppingOne() | StoppingSome() | Ending():
            transition.settle(child)
            transition.advance()


def _try_again_after_boot(transition: Transition, child: Child, reason: ExitReason) -> None:
    """Boot without a child that fails, and those of its group that come after it."""
    id_ = child.spec.id
    transition.mark(child, Status.RESTARTING)
    transition.mailbox = transition.mailbox.with_(TryAgain(id_, reason))
    work = transition.work
    assert work is not None
    group = affected(transition.spec.strategy, transition.children, id_)
    transition.work = replace(work, start=Queue(i for i in work.start if i not in group))
    transition.advance()


def _down_as_before(
    transition: Transition, child: Child, reason: ExitReason, asked: StartingOne
) -> None:
    """Put a child that could not be started on request where it stood before."""
    match asked.was:
        case Status.BACKOFF:
            # The start on request was the first one, which is at once.
            _wait(transition, replace(child, wait=0.0), reason)
        case Status.FAILED:
            transition.fail(child, reason, 0)
        case _:
            transition.settle(child)


# ---- ends ------------------------------------------------------------------------------------


def _react_to_end(transition: Transition, child: Child, reason: ExitReason) -> None:
    """Restart a child that has ended, or do without it (``do_restart``)."""
    if ends_node(child.spec.essential, child.spec.restart, reason):
        _do_without(transition, child)
        return
    if isinstance(reason, IntensityReached) and _stays_down(child):
        transition.fail(child, Stopped(f"gave up on {reason.child!r}: {reason.reason}"), 0)
        return
    if should_restart(child.spec.restart, reason):
        if isinstance(reason, Recycled):
            _replace(transition, child, reason)
        else:
            _restart(transition, child, reason)
        return
    _do_without(transition, child)


def _do_without(transition: Transition, child: Child) -> None:
    """Leave a child down that has ended; its supervisor may end with it."""
    transition.settle(child)
    if child.spec.significant and _auto_shutdown_is_due(transition):
        transition.emit(AutoShutdownBegan(child.spec.id))
        transition.end()


def _stays_down(child: Child) -> bool:
    may_come_back = child.spec.restart is not Restart.TEMPORARY
    return may_come_back and child.spec.on_give_up is OnGiveUp.STAY_DOWN


def _auto_shutdown_is_due(transition: Transition) -> bool:
    match transition.spec.auto_shutdown:
        case AutoShutdown.NEVER:
            return False
        case AutoShutdown.ANY_SIGNIFICANT:
            return True
        case AutoShutdown.ALL_SIGNIFICANT:
            return not any(
                child.spec.significant and child.status not in (Status.UNDEFINED, Status.FAILED)
                for child in transition.children.values()
            )


def _restart(
    transition: Transition, child: Child, reason: ExitReason, *, group_is_down: bool = False
) -> None:
    """Restart a child and its group, now or later, or give up (``restart/2``)."""
    id_ = child.spec.id
    if child.spec.retries is not None:
        _restart_without_end(transition, child, reason, child.spec.retries)
        return
    child = replace(child, status=Status.UNDEFINED)
    child, count = _record(transition, child)
    if _exceeds(transition, child):
        _failed_too_often(transition, child, reason, count, group_is_down=group_is_down)
        return
    if (wait := backoff_of(child.spec).after(child.wait)) > 0:
        _wait(transition, child, reason)
        return
    if child.wait != wait:
        transition.put(replace(child, wait=wait))
    transition.emit(Restarting(id_, reason, count, child.spec.own_intensity))
    _restart_group(transition, child)


def _replace(transition: Transition, child: Child, reason: Recycled) -> None:
    """Start a child that was recycled: at once and alone, since nothing has failed."""
    transition.put(replace(child, status=Status.UNDEFINED))
    transition.emit(Replacing(child.spec.id, reason))
    transition.begin(Recovering(), start=(child.spec.id,))


def _record(transition: Transition, child: Child) -> tuple[Child, int]:
    """Count a restart: at the child if it has limits of its own, else at the supervisor."""
    # Recorded before the attempt; a success never clears it (``add_restart``).
    if (limit := child.spec.own_intensity) is not None:
        child = replace(child, restarts=child.restarts.record(transition.now, limit))
        count = len(child.restarts.times)
    else:
        transition.restarts = transition.restarts.record(transition.now, transition.spec.intensity)
        count = len(transition.restarts.times)
    return transition.put(child), count


def _exceeds(transition: Transition, child: Child) -> bool:
    if (limit := child.spec.own_intensity) is not None:
        return child.restarts.exceeds(limit)
    return transition.restarts.exceeds(transition.spec.intensity)


def _failed_too_often(
    transition: Transition, child: Child, reason: ExitReason, count: int, *, group_is_down: bool
) -> None:
    """Leave a child down that has limits for that, and go on with the others; or give up."""
    id_, limit = child.spec.id, child.spec.own_intensity
    if limit is None or child.spec.on_give_up is OnGiveUp.ESCALATE:
        transition.emit(TooManyRestarts(id_, reason, count, limit))
        transition.end(IntensityReached(child=id_, reason=reason))
        return
    transition.fail(child, reason, count)
    if group_is_down:
        # What its restart had taken along, or was to start after it.
        group = (transition.children[i] for i in _group_to_start(transition, child))
        down = (one.spec.id for one in group if one.status is Status.UNDEFINED)
        transition.begin(Recovering(), start=tuple(down))


def _wait(transition: Transition, child: Child, reason: ExitReason) -> None:
    """Start a child, and its group, later."""
    backoff = backoff_of(child.spec)
    wait = backoff.after(child.wait)
    seconds = backoff.with_jitter(wait, transition.chance)
    transition.back_off(replace(child, wait=wait), reason, seconds)


def _restart_without_end(
    transition: Transition, child: Child, reason: ExitReason, retries: Retries
) -> None:
    """Restart a child whose ends are not its supervisor's: at once, or after a pause."""
    log = child.restarts.record(transition.now, retries.at_once)
    transition.put(replace(child, restarts=log, status=Status.RESTARTING))
    transition.emit(Restarting(child.spec.id, reason, len(log.times), retries.at_once))
    if log.exceeds(retries.at_once):
        transition.actions.append(SetTimer(child.spec.id, child.incarnation, retries.delay))
    else:
        _restart_group(transition, child)


def _restart_group(transition: Transition, child: Child) -> None:
    group = affected(transition.spec.strategy, transition.children, child.spec.id)
    start = tuple(_group_to_start(transition, child))
    transition.begin(Recovering(), stop=stop_order(group), start=start)


def _group_to_start(transition: Transition, child: Child) -> Iterator[str]:
    """Yield, in start order, the children that are started together with one."""
    for id_ in affected(transition.spec.strategy, transition.children, child.spec.id):
        other = transition.children[id_]
        is_temporary = other.spec.restart is Restart.TEMPORARY
        if not is_temporary and other.status is not Status.FAILED:
            yield id_


# ---- the end of the supervisor ---------------------------------------------------------------


def _halt_asked(transition: Transition) -> None:
    for id_ in stop_order(transition.children):
        child = transition.children[id_]
        if child.status in ALIVE:
            transition.cancel_start_timer(child)
            transition.mark(child, Status.STOPPING)
            transition.actions.append(Halt(id_, child.incarnation))
    transition.end(for_good=True)
