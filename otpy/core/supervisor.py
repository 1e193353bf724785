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
    StartFailed,
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
from otpy.core.transition import Turn

__all__ = ["decide", "should_restart"]


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
    turn = Turn(state, now)
    _take(turn, event)
    _serve_mailbox(turn)
    return turn.result(), tuple(turn.actions)


def _take(turn: Turn, event: Event) -> None:
    """Handle what cannot wait; put the rest into the mailbox."""
    match event:
        case BootAsked():
            turn.begin(Booting(), start=tuple(turn.children))
        case StopAsked(for_good=for_good):
            turn.end(for_good=for_good)
        case HaltAsked():
            _halt_asked(turn)
        case Requested() | TryAgain() | StartAgain():
            turn.mailbox = turn.mailbox.with_(event)
        case Started() | Ignored() | StartFailed() | Exited() | TimedOut():
            child = turn.current(event.child, event.incarnation)
            if child is not None:
                _heard_of(turn, child, event)
        case _:
            assert_never(event)


def _heard_of(
    turn: Turn, child: Child, event: Started | Ignored | StartFailed | Exited | TimedOut
) -> None:
    """Handle what happened to a child; what does not fit where it stands came too late."""
    match child.status, event:
        case Status.STARTING, Started():
            turn.mark(child, Status.RUNNING)
            turn.start_is_settled()
        case Status.STARTING, Ignored():
            turn.settle(child)
            turn.start_is_settled()
        case Status.STARTING, StartFailed(reason=reason) | Exited(reason=reason):
            _start_failed(turn, child, reason)
        case Status.RUNNING, Exited():
            turn.mark(child, Status.ENDED)
            turn.mailbox = turn.mailbox.with_(event)
        case Status.STOPPING, TimedOut():
            turn.actions.append(Kill(event.child, event.incarnation))
        case Status.RESTARTING, TimedOut():
            turn.mailbox = turn.mailbox.with_(StartAgain(child.spec.id))
        case Status.STOPPING, Exited() | StartFailed() | Ignored():
            turn.settle(child)
            turn.advance()


def _serve_mailbox(turn: Turn) -> None:
    """Serve what waits, oldest first, until something has to be waited for."""
    while turn.mailbox and turn.work is None and not turn.over:
        event, turn.mailbox = turn.mailbox.head, turn.mailbox.rest
        match event:
            case Exited(child=id_, incarnation=incarnation, reason=reason):
                child = turn.current(id_, incarnation)
                if child is not None and child.status is Status.ENDED:
                    _react_to_end(turn, child, reason)
            case TryAgain(child=id_, reason=reason):
                child = turn.children.get(id_)
                if child is not None and child.status is Status.RESTARTING:
                    _restart(turn, child, reason)
            case StartAgain(child=id_):
                child = turn.children.get(id_)
                if child is not None and child.status is Status.RESTARTING:
                    _restart_group(turn, child)
            case Requested(token=token, request=request):
                serve(turn, token, request)
            case _:
                raise AssertionError(event)


# ---- starts that fail ------------------------------------------------------------------------


def _start_failed(turn: Turn, child: Child, reason: ExitReason) -> None:
    assert turn.work is not None, "children start only as part of some work"
    match turn.work.purpose:
        case Booting():
            turn.settle(child)
            turn.end(FailedToStartChild(child.spec.id, reason))
        case Recovering():
            # `try_again`: the supervisor writes to itself, so that whatever is in the
            # mailbox already is served before the next try (``restart/2``).
            turn.mark(child, Status.RESTARTING)
            turn.mailbox = turn.mailbox.with_(TryAgain(child.spec.id, reason))
            turn.work = None
        case StartingOne(token=token, added=added):
            if added:
                turn.remove(child.spec.id)
            else:
                turn.settle(child)
            turn.work = None
            turn.reply(token, NotStarted(reason))
        case StoppingOne() | StoppingSome() | Ending():
            turn.settle(child)
            turn.advance()


# ---- ends ------------------------------------------------------------------------------------


def _react_to_end(turn: Turn, child: Child, reason: ExitReason) -> None:
    """Restart a child that has ended, or do without it (``do_restart``)."""
    if should_restart(child.spec.restart, reason):
        _restart(turn, child, reason)
        return
    turn.settle(child)
    if child.spec.significant and _auto_shutdown_is_due(turn):
        turn.emit(AutoShutdownBegan(child.spec.id))
        turn.end()


def _auto_shutdown_is_due(turn: Turn) -> bool:
    match turn.spec.auto_shutdown:
        case AutoShutdown.NEVER:
            return False
        case AutoShutdown.ANY_SIGNIFICANT:
            return True
        case AutoShutdown.ALL_SIGNIFICANT:
            return not any(
                child.spec.significant and child.status is not Status.UNDEFINED
                for child in turn.children.values()
            )


def _restart(turn: Turn, child: Child, reason: ExitReason) -> None:
    """Restart a child and its group, or give up (``restart/2``)."""
    limit, id_ = turn.spec.intensity, child.spec.id
    if child.spec.retries is not None:
        _restart_without_end(turn, child, reason, child.spec.retries)
        return
    # Recorded before the attempt; a success never clears it (``add_restart``).
    turn.restarts = turn.restarts.record(turn.now, limit)
    count = len(turn.restarts.times)
    turn.mark(child, Status.UNDEFINED)
    if turn.restarts.exceeds(limit):
        turn.emit(TooManyRestarts(id_, reason, count))
        turn.end()
        return
    turn.emit(Restarting(id_, reason, count))
    _restart_group(turn, child)


def _restart_without_end(turn: Turn, child: Child, reason: ExitReason, retries: Retries) -> None:
    """Restart a child whose ends are not its supervisor's: at once, or after a pause."""
    log = child.restarts.record(turn.now, retries.at_once)
    turn.put(replace(child, restarts=log, status=Status.RESTARTING))
    turn.emit(Restarting(child.spec.id, reason, len(log.times), retries.at_once))
    if log.exceeds(retries.at_once):
        turn.actions.append(SetTimer(child.spec.id, child.incarnation, retries.delay))
    else:
        _restart_group(turn, child)


def _restart_group(turn: Turn, child: Child) -> None:
    id_ = child.spec.id
    group = affected(turn.spec.strategy, turn.children, id_)
    kept = (i for i in group if turn.children[i].spec.restart is not Restart.TEMPORARY)
    turn.begin(Recovering(), stop=stop_order(group), start=tuple(kept))


# ---- the end of the supervisor ---------------------------------------------------------------


def _halt_asked(turn: Turn) -> None:
    for id_ in stop_order(turn.children):
        child = turn.children[id_]
        if child.status in ALIVE:
            turn.mark(child, Status.STOPPING)
            turn.actions.append(Halt(id_, child.incarnation))
    turn.end(for_good=True)
