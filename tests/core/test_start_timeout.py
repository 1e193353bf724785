"""A child with a `start_timeout` that is not up in time: its start has failed."""

from dataclasses import replace

import pytest

from otpy.core.exits import (
    FailedToStartChild,
    IntensityReached,
    Killed,
    Shutdown,
    StartTimeout,
    is_clean,
    reason_of,
)
from otpy.core.messages import (
    BootAsked,
    CancelTimer,
    Done,
    Emit,
    FailStart,
    GiveUp,
    Halt,
    HaltAsked,
    NotStarted,
    Removed,
    Restarting,
    SendReply,
    SetTimer,
    Start,
    StartChild,
    Stop,
    StopAsked,
    TerminateChild,
    TooManyRestarts,
    Up,
)
from otpy.core.spec import INFINITY, Backoff, OnGiveUp, RestartIntensity, Strategy
from otpy.core.state import Availability, availability
from tests.core.machine import A, B, Machine, asked_to_stop, running

T = replace(A, id="t", start_timeout=2.0)
LATE = StartTimeout("its init to return")


def starts(incarnation: int = 1) -> tuple[Start, SetTimer]:
    return (Start(T, incarnation), SetTimer("t", incarnation, 2.0))


def test_what_is_up_in_time_has_no_timer_from_then_on() -> None:
    supervisor = Machine(T, B)
    assert supervisor.hear(BootAsked()) == starts()
    assert availability(supervisor.state, "t") is Availability.STARTING
    assert supervisor.started("t") == (CancelTimer("t"), Start(B, 1))
    assert supervisor.started("b") == (Up(),)
    assert supervisor.timed_out("t") == ()


def test_what_is_not_up_in_time_fails_the_boot() -> None:
    supervisor = Machine(A, T, B)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    assert supervisor.timed_out("t") == (FailStart("t", 1),)
    assert supervisor.timed_out("t") == (FailStart("t", 1),)
    assert supervisor.failed("t", LATE) == asked_to_stop("a")
    assert supervisor.exited("a", Shutdown()) == (GiveUp(FailedToStartChild("t", LATE)),)
    assert str(FailedToStartChild("t", LATE)) == "failed to start child 't': start timeout"


def test_a_restart_has_the_same_time_and_counts_when_it_fails() -> None:
    supervisor = running(T, max_restarts=2)
    assert supervisor.exited("t") == (Emit(Restarting("t", Killed(), 1)), *starts(2))
    assert supervisor.timed_out("t") == (FailStart("t", 2),)
    assert supervisor.failed("t", LATE) == (Emit(Restarting("t", LATE, 2)), *starts(3))
    supervisor.timed_out("t")
    assert supervisor.failed("t", LATE) == (
        Emit(TooManyRestarts("t", LATE, 3)),
        GiveUp(IntensityReached("", "t", LATE)),
    )


def test_a_start_on_request_fails_with_that_reason() -> None:
    supervisor = running(A)
    assert supervisor.ask(1, StartChild(T))[1:] == starts()
    assert supervisor.timed_out("t") == (FailStart("t", 1),)
    assert supervisor.failed("t", LATE) == (Emit(Removed("t")), SendReply(1, NotStarted(LATE)))


def test_a_stop_before_it_is_up_has_the_budget_and_not_what_was_left_to_start() -> None:
    supervisor = Machine(A, T)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    assert supervisor.hear(StopAsked()) == (CancelTimer("t"), *asked_to_stop("t"))
    assert supervisor.failed("t", Shutdown()) == asked_to_stop("a")
    infinite = Machine(replace(T, shutdown=INFINITY))
    infinite.hear(BootAsked())
    assert infinite.hear(StopAsked())[:2] == (CancelTimer("t"), Stop("t", 1))


def test_a_halt_before_it_is_up_leaves_no_timer() -> None:
    supervisor = Machine(T)
    supervisor.hear(BootAsked())
    assert supervisor.hear(HaltAsked()) == (CancelTimer("t"), Halt("t", 1))


def test_a_stop_while_it_is_being_killed_for_its_time_is_a_stop() -> None:
    supervisor = Machine(T)
    supervisor.hear(BootAsked())
    supervisor.timed_out("t")
    assert supervisor.hear(StopAsked()) == (CancelTimer("t"), *asked_to_stop("t"))
    assert supervisor.failed("t", LATE) == (GiveUp(Shutdown()),)


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_a_sibling_that_ends_waits_until_it_is_up(strategy: Strategy) -> None:
    supervisor = running(A, T, strategy=strategy)
    supervisor.exited("t")
    if strategy is Strategy.ONE_FOR_ALL:
        supervisor.exited("a", Shutdown())
        supervisor.started("a")
    assert supervisor.exited("a") == ()
    assert supervisor.started("t")[0] == CancelTimer("t")
    assert supervisor.state.work is not None, "the group restarts now"


def test_a_request_waits_until_it_is_up_or_late() -> None:
    supervisor = running(T)
    supervisor.exited("t")
    assert supervisor.ask(1, TerminateChild("t")) == ()
    supervisor.timed_out("t")
    assert supervisor.failed("t", LATE) == (SendReply(1, Done("t")),)


def test_one_with_limits_of_its_own_stays_down() -> None:
    contained = replace(
        T,
        own_intensity=RestartIntensity(0, 5.0),
        on_give_up=OnGiveUp.STAY_DOWN,
        backoff=Backoff(),
    )
    supervisor = Machine(contained, B)
    supervisor.hear(BootAsked())
    supervisor.timed_out("t")
    assert supervisor.failed("t", LATE) == (Start(B, 1),)
    supervisor.started("b")
    assert availability(supervisor.state, "t") is Availability.FAILED


def test_the_reason_is_no_clean_one() -> None:
    assert not is_clean(LATE)
    assert not is_clean(reason_of(str(LATE)))
    assert str(LATE) == "start timeout"
