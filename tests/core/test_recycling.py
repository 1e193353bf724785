"""A child that has reached a limit is replaced: alone, uncounted, after its message in hand."""

from dataclasses import replace

import pytest

from otpy.core.exits import Killed, Recycled, Shutdown, is_clean, reason_of
from otpy.core.messages import (
    AutoShutdownBegan,
    Emit,
    EndBegun,
    Kill,
    LimitReached,
    Removed,
    Replacing,
    Requested,
    Restarting,
    Retire,
    SetTimer,
    Start,
    Stop,
    TerminateChild,
)
from otpy.core.recycling import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    RecyclingLimits,
    age_reached,
    is_recycled,
    limits_of,
    memory_reached,
    messages_reached,
    pause_after,
)
from otpy.core.spec import BRUTAL_KILL, INFINITY, AutoShutdown, Recycle, Restart, Strategy
from otpy.core.state import Availability, Status, availability, comes_back
from tests.core.machine import A, B, C, Machine, child, running

OLD = Recycled("age 1 h")


def reach(supervisor: Machine, id_: str) -> tuple[object, ...]:
    return supervisor.hear(LimitReached(id_, supervisor.incarnation(id_), OLD))


def begin_to_end(supervisor: Machine, id_: str) -> tuple[object, ...]:
    return supervisor.hear(EndBegun(id_, supervisor.incarnation(id_)))


@pytest.mark.parametrize("strategy", [each for each in Strategy if each is not Strategy.DYNAMIC])
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_it_is_replaced_alone_and_uncounted(strategy: Strategy, restart: Restart) -> None:
    b = replace(B, restart=restart)
    supervisor = running(A, b, C, strategy=strategy, max_restarts=0)
    for incarnation in (1, 2, 3):
        assert reach(supervisor, "b") == (Retire("b", incarnation, OLD),)
        assert reach(supervisor, "b") == ()
        assert begin_to_end(supervisor, "b") == (SetTimer("b", incarnation, 5.0),)
        assert supervisor.exited("b", OLD) == (Emit(Replacing("b", OLD)), Start(b, incarnation + 1))
        assert supervisor.started("b") == ()


def test_its_siblings_are_served_meanwhile() -> None:
    supervisor = running(A, B)
    reach(supervisor, "a")
    assert supervisor.exited("b") == (Emit(Restarting("b", Killed(), 1)), Start(B, 2))
    supervisor.started("b")
    assert supervisor.exited("a", OLD)[-1] == Start(A, 2)


def test_callers_wait_for_the_next_one() -> None:
    supervisor = running(A, replace(B, restart=Restart.TEMPORARY))
    assert not comes_back(supervisor.state, "a")
    reach(supervisor, "a")
    reach(supervisor, "b")
    assert comes_back(supervisor.state, "a")
    assert not comes_back(supervisor.state, "b")
    assert availability(supervisor.state, "a") is Availability.UP
    supervisor.exited("a", OLD)
    assert availability(supervisor.state, "a") is Availability.STARTING


def test_its_budget_begins_when_it_begins_to_end() -> None:
    for budget, action in (
        (2.0, SetTimer("a", 1, 2.0)),
        (BRUTAL_KILL, Kill("a", 1)),
        (INFINITY, None),
    ):
        supervisor = running(child("a", shutdown=budget))
        assert begin_to_end(supervisor, "a") == (), "nobody asked it to"
        assert supervisor.timed_out("a") == ()
        reach(supervisor, "a")
        assert begin_to_end(supervisor, "a") == (() if action is None else (action,))
    supervisor = running(A)
    reach(supervisor, "a")
    begin_to_end(supervisor, "a")
    assert supervisor.timed_out("a") == (Kill("a", 1),)


def test_a_temporary_one_ends_for_good() -> None:
    supervisor = running(child("a", Restart.TEMPORARY), B)
    reach(supervisor, "a")
    assert supervisor.exited("a", OLD) == (Emit(Removed("a")),)


def test_a_significant_one_that_is_replaced_has_not_ended() -> None:
    for restart, ends in ((Restart.TRANSIENT, False), (Restart.TEMPORARY, True)):
        a = child("a", restart, significant=True)
        supervisor = running(a, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
        reach(supervisor, "a")
        actions = supervisor.exited("a", OLD)
        assert (Emit(AutoShutdownBegan("a")) in actions) is ends


def test_one_that_crashes_as_it_ends_has_failed() -> None:
    supervisor = running(A, max_restarts=1)
    reach(supervisor, "a")
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), Start(A, 2))


def test_a_replacement_that_does_not_start_has_failed() -> None:
    supervisor = running(A, B, strategy=Strategy.ONE_FOR_ALL, max_restarts=1)
    reach(supervisor, "a")
    supervisor.exited("a", OLD)
    assert Stop("b", 1) in supervisor.failed("a")


def test_it_may_be_stopped_meanwhile() -> None:
    supervisor = running(A)
    reach(supervisor, "a")
    begin_to_end(supervisor, "a")
    asked = supervisor.hear(Requested(1, TerminateChild("a")))
    assert asked == (Stop("a", 1), SetTimer("a", 1, 5.0))
    assert begin_to_end(supervisor, "a") == ()
    supervisor.exited("a", OLD)
    assert supervisor.state.children["a"].status is Status.UNDEFINED


def test_the_next_one_is_asked_again() -> None:
    supervisor = running(A, B, strategy=Strategy.ONE_FOR_ALL)
    reach(supervisor, "a")
    supervisor.exited("b")
    supervisor.exited("a", Shutdown())
    supervisor.started("a")
    supervisor.started("b")
    assert reach(supervisor, "a") == (Retire("a", 2, OLD),)


def test_what_is_not_running_is_not_asked() -> None:
    supervisor = running(A)
    supervisor.exited("a")
    assert reach(supervisor, "a") == ()


# ---- limits --------------------------------------------------------------------------------------


def test_the_jitter_makes_a_limit_smaller() -> None:
    spec = replace(
        A, max_memory=Recycle(1000), max_age=Recycle(100.0, 0.5), max_messages=Recycle(15, 0.2)
    )
    assert is_recycled(spec)
    assert not is_recycled(A)
    assert limits_of(spec, 0.0) == RecyclingLimits(1000, 100.0, 15)
    assert limits_of(spec, 1.0) == RecyclingLimits(900, 50.0, 12)
    assert limits_of(spec, 0.5) == RecyclingLimits(950, 75.0, 14)
    assert limits_of(replace(A, max_messages=Recycle(1, 1.0)), 1.0).messages == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3600.0, "1 h"),
        (43200.0, "12 h"),
        (90.0, "90 s"),
        (120.0, "2 min"),
        (1.5, "1.5 s"),
        (0.02, "20 ms"),
    ],
)
def test_a_reason_tells_the_limit_as_it_was_given(seconds: float, text: str) -> None:
    assert str(age_reached(replace(A, max_age=Recycle(seconds)))) == f"recycled: age {text}"


def test_other_reasons_tell_the_limit() -> None:
    big = replace(A, max_memory=Recycle(512 << 20))
    assert str(memory_reached(big)) == "recycled: memory 512 MiB"
    assert str(memory_reached(replace(A, max_memory=Recycle(4096)))) == "recycled: memory 4096 B"
    assert str(messages_reached(10000)) == "recycled: messages 10000"
    assert is_clean(messages_reached(1))
    assert reason_of("recycled: messages 10000") == messages_reached(10000)


def test_memory_is_looked_at_more_and_more_rarely_unless_it_grows() -> None:
    pause, pauses = FIRST_PAUSE_S, []
    for _ in range(9):
        pause = pause_after(pause, 100, 100, 1000)
        pauses.append(round(pause, 1))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]
    assert pause_after(10.0, 600, 500, 1000) == LONGEST_PAUSE_S
    assert pause_after(10.0, 900, 500, 1000) == pytest.approx(1.25)
    assert pause_after(10.0, 999, 500, 1000) == FIRST_PAUSE_S
