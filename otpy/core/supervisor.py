"""The supervisor as a state machine: events and the time go in, a state and actions come out.

It follows supervisor.erl of Erlang/OTP 26 function by function; where a rule comes from one,
the function is named. It reads no clock and starts nothing.
"""

from dataclasses import replace
from typing import assert_never

from otpy.core.exits import ExitReason, FailedToStartChild
from otpy.core.messages import (
    Action,
    AutoShutdownBegan,
    BootAsked,
    Event,
    Exited,
    Halt,
    HaltAsked,
    Ignored,
    Kill,
    NotStarted,
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
from otpy.core.requests import serve
from otpy.core.spec import AutoShutdown, Restart, Retries
from otpy.core.state import (
    ALIVE,
    Booting,
    Child,
    Ending,
    Recovering,
    StartingOne,
    Status,
    StoppingOne,
    StoppingSome,
    SupervisorState,
)
from otpy.core.strategy import affected, should_restart, stop_order
from otpy.core.transition import Transition

__all__ = ["decide", "should_restart"]


def decide(
    state: SupervisorState, event: Event, now: float
) -> tuple[SupervisorState, tuple[Action, ...]]:
    """Return the next state of the supervisor and its actions.

    Args:
        state: Its state, which is not changed.
        event: What happened.
        now: Monotonic time in seconds, for the restart window.
    """
    if state.over:
        return state, ()
    transition = Transition(state, now)
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
        case Requested() | TryAgain() | StartAgain():
            transition.mailbox = transition.mailbox.with_(event)
        case Started() | Ignored() | StartFailure() | Exited() | TimedOut():
            child = transition.current(event.child, event.incarnation)
            if child is not None:
                _heard_of(transition, child, event)
        case _:
            assert_never(event)


def _heard_of(
    transition: Transition,
    child: Child,
    event: Started | Ignored | StartFailure | Exited | TimedOut,
) -> None:
    """Handle what happened to a child; what does not fit where it stands came too late."""
    match child.status, event:
        case Status.STARTING, Started():
            transition.mark(child, Status.RUNNING)
            transition.start_is_settled()
        case Status.STARTING, Ignored():
            transition.settle(child)
            transition.start_is_settled()
        case Status.STARTING, StartFailure(reason=reason) | Exited(reason=reason):
            _start_failed(transition, child, reason)
        case Status.RUNNING, Exited():
            transition.mark(child, Status.ENDED)
            transition.mailbox = transition.mailbox.with_(event)
        case Status.STOPPING, TimedOut():
            transition.actions.append(Kill(event.child, event.incarnation))
        case Status.RESTARTING, TimedOut():
            transition.mailbox = transition.mailbox.with_(StartAgain(child.spec.id))
        case Status.STOPPING, Exited() | StartFailure() | Ignored():
            transition.settle(child)
            transition.advance()


def _serve_mailbox(transition: Transition) -> None:
    """Serve what waits, oldest first, until something has to be waited for."""
    while transition.mailbox and transition.work is None and not transition.over:
        event, transition.mailbox = transition.mailbox.head, transition.mailbox.rest
        match event:
            case Exited(child=id_, incarnation=incarnation, reason=reason):
                child = transition.current(id_, incarnation)
                if child is not None and child.status is Status.ENDED:
                    _react_to_end(transition, child, reason)
            case TryAgain(child=id_, reason=reason):
                child = transition.children.get(id_)
                if child is not None and child.status is Status.RESTARTING:
                    _restart(transition, child, reason)
            case StartAgain(child=id_):
                child = transition.children.get(id_)
                if child is not None and child.status is Status.RESTARTING:
                    _restart_group(transition, child)
            case Requested(token=token, request=request):
                serve(transition, token, request)
            case _:
                raise AssertionError(event)


# ---- starts that fail ------------------------------------------------------------------------


def _start_failed(transition: Transition, child: Child, reason: ExitReason) -> None:
    assert transition.work is not None, "children start only as part of some work"
    match transition.work.purpose:
        case Booting():
            transition.settle(child)
            transition.end(FailedToStartChild(child.spec.id, reason))
        case Recovering():
            # `try_again`: the supervisor writes to itself, so that whatever is in the
            # mailbox already is served before the next try (``restart/2``).
            transition.mark(child, Status.RESTARTING)
            transition.mailbox = transition.mailbox.with_(TryAgain(child.spec.id, reason))
            transition.work = None
        case StartingOne(token=token, added=added):
            if added:
                transition.remove(child.spec.id)
            else:
                transition.settle(child)
            transition.work = None
            transition.reply(token, NotStarted(reason))
        case StoppingOne() | StoppingSome() | Ending():
            transition.settle(child)
            transition.advance()


# ---- ends ------------------------------------------------------------------------------------


def _react_to_end(transition: Transition, child: Child, reason: ExitReason) -> None:
    """Restart a child that has ended, or do without it (``do_restart``)."""
    if should_restart(child.spec.restart, reason):
        _restart(transition, child, reason)
        return
    transition.settle(child)
    if child.spec.significant and _auto_shutdown_is_due(transition):
        transition.emit(AutoShutdownBegan(child.spec.id))
        transition.end()


def _auto_shutdown_is_due(transition: Transition) -> bool:
    match transition.spec.auto_shutdown:
        case AutoShutdown.NEVER:
            return False
        case AutoShutdown.ANY_SIGNIFICANT:
            return True
        case AutoShutdown.ALL_SIGNIFICANT:
            return not any(
                child.spec.significant and child.status is not Status.UNDEFINED
                for child in transition.children.values()
            )


def _restart(transition: Transition, child: Child, reason: ExitReason) -> None:
    """Restart a child and its group, or give up (``restart/2``)."""
    limit, id_ = transition.spec.intensity, child.spec.id
    if child.spec.retries is not None:
        _restart_without_end(transition, child, reason, child.spec.retries)
        return
    # Recorded before the attempt; a success never clears it (``add_restart``).
    transition.restarts = transition.restarts.record(transition.now, limit)
    count = len(transition.restarts.times)
    transition.mark(child, Status.UNDEFINED)
    if transition.restarts.exceeds(limit):
        transition.emit(TooManyRestarts(id_, reason, count))
        transition.end()
        return
    transition.emit(Restarting(id_, reason, count))
    _restart_group(transition, child)


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
    id_ = child.spec.id
    group = affected(transition.spec.strategy, transition.children, id_)
    kept = (i for i in group if transition.children[i].spec.restart is not Restart.TEMPORARY)
    transition.begin(Recovering(), stop=stop_order(group), start=tuple(kept))


# ---- the end of the supervisor ---------------------------------------------------------------


def _halt_asked(transition: Transition) -> None:
    for id_ in stop_order(transition.children):
        child = transition.children[id_]
        if child.status in ALIVE:
            transition.mark(child, Status.STOPPING)
            transition.actions.append(Halt(id_, child.incarnation))
    transition.end(for_good=True)
