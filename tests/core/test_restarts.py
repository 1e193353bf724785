"""What a supervisor does when a child ends (supervisor.erl, ``do_restart`` and ``restart``)."""

import pytest

from otpy.core.exits import ExitReason, Killed, Normal, Shutdown, Stopped
from otpy.core.messages import (
    Emit,
    Removed,
    Requested,
    Restarting,
    Start,
    TerminateChild,
    TooManyRestarts,
)
from otpy.core.spec import ChildSpec, Restart, Strategy
from tests.core.machine import A, B, C, D, Machine, asked_to_stop, child, gave_up_on, running

TRANSIENT = child("x", Restart.TRANSIENT)
TEMPORARY = child("x", Restart.TEMPORARY)


# ---- which ends are followed by a restart ------------------------------------------------------


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Killed()])
def test_a_permanent_child_comes_back_after_any_end(reason: ExitReason) -> None:
    assert running(A).exited("a", reason) == (Emit(Restarting("a", reason, 1)), Start(A, 2))


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Shutdown("done")])
def test_a_transient_child_stays_down_after_a_clean_end(reason: ExitReason) -> None:
    supervisor = running(TRANSIENT, B, strategy=Strategy.ONE_FOR_ALL)
    assert supervisor.exited("x", reason) == ()


def test_a_transient_child_comes_back_after_an_abnormal_end() -> None:
    supervisor = running(TRANSIENT)
    assert supervisor.exited("x") == (Emit(Restarting("x", Killed(), 1)), Start(TRANSIENT, 2))


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Killed()])
def test_a_temporary_child_is_forgotten_after_any_end(reason: ExitReason) -> None:
    supervisor = running(TEMPORARY, B, strategy=Strategy.ONE_FOR_ALL)
    assert supervisor.exited("x", reason) == (Emit(Removed("x")),)


# ---- groups ------------------------------------------------------------------------------------


def test_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() -> None:
    supervisor = running(A, B, C, strategy=Strategy.ONE_FOR_ALL)
    assert supervisor.exited("b") == (Emit(Restarting("b", Killed(), 1)), *asked_to_stop("c"))
    assert supervisor.exited("c", Shutdown()) == asked_to_stop("a")
    assert supervisor.exited("a", Shutdown()) == (Start(A, 2),)
    assert supervisor.started("a") == (Start(B, 2),)
    assert supervisor.started("b") == (Start(C, 2),)
    assert supervisor.started("c") == ()


def test_rest_for_one_leaves_the_earlier_children_alone() -> None:
    supervisor = running(A, B, C, strategy=Strategy.REST_FOR_ONE)
    assert supervisor.exited("b") == (Emit(Restarting("b", Killed(), 1)), *asked_to_stop("c"))
    assert supervisor.exited("c", Shutdown()) == (Start(B, 2),)
    assert supervisor.started("b") == (Start(C, 2),)
    assert supervisor.started("c") == ()


def test_a_temporary_child_in_the_group_is_stopped_and_forgotten() -> None:
    supervisor = running(A, TEMPORARY, strategy=Strategy.ONE_FOR_ALL)
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), *asked_to_stop("x"))
    assert supervisor.exited("x", Shutdown()) == (Emit(Removed("x")), Start(A, 2))
    assert supervisor.started("a") == ()


def test_a_group_restart_wakes_those_that_were_down() -> None:
    supervisor = running(A, TRANSIENT, C, strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("x", Normal())
    supervisor.hear(Requested(1, TerminateChild("c")))
    supervisor.exited("c", Shutdown())
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), Start(A, 2))
    assert supervisor.started("a") == (Start(TRANSIENT, 2),)
    assert supervisor.started("x") == (Start(C, 2),)


def test_a_child_that_ignores_its_restart_is_left_undefined() -> None:
    supervisor = running(A)
    supervisor.exited("a")
    assert supervisor.ignored("a") == ()


# ---- several ends at once ----------------------------------------------------------------------


def test_under_one_for_one_each_death_is_a_restart() -> None:
    supervisor = running(A, B, C, max_restarts=1)
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), Start(A, 2))
    assert supervisor.exited("b") == ()
    assert supervisor.started("a") == (
        Emit(TooManyRestarts("b", Killed(), 2)),
        *asked_to_stop("c"),
    )
    assert supervisor.exited("c", Shutdown()) == asked_to_stop("a", 2)
    assert supervisor.exited("a", Shutdown()) == (gave_up_on("b"),)


def test_under_one_for_all_deaths_during_the_group_stop_are_part_of_it() -> None:
    supervisor = running(A, B, C, strategy=Strategy.ONE_FOR_ALL, max_restarts=1)
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), *asked_to_stop("c"))
    assert supervisor.exited("b") == ()
    assert supervisor.exited("c") == (Start(A, 2),)
    assert supervisor.started("a") == (Start(B, 2),)
    assert supervisor.started("b") == (Start(C, 2),)
    assert supervisor.started("c") == ()


def test_a_death_that_waits_in_the_mailbox_is_part_of_the_next_group_stop() -> None:
    supervisor = running(A, B, C, strategy=Strategy.ONE_FOR_ALL, max_restarts=1)
    supervisor.ask(1, TerminateChild("c"))
    supervisor.exited("a")
    supervisor.exited("b")
    actions = supervisor.exited("c", Shutdown())
    assert actions[1:] == (Emit(Restarting("a", Killed(), 1)), Start(A, 2))


def test_rest_for_one_counts_one_restart_if_the_earlier_child_died_first() -> None:
    supervisor = running(A, B, C, strategy=Strategy.REST_FOR_ONE, max_restarts=1)
    supervisor.ask(1, TerminateChild("b"))  # meanwhile both deaths arrive
    supervisor.exited("a")
    supervisor.exited("c")
    actions = supervisor.exited("b", Shutdown())
    assert actions[1:] == (Emit(Restarting("a", Killed(), 1)), Start(A, 2))
    assert supervisor.started("a") == (Start(B, 2),)
    assert supervisor.started("b") == (Start(C, 2),)
    assert supervisor.started("c") == ()


def test_rest_for_one_counts_two_restarts_if_the_later_child_died_first() -> None:
    supervisor = running(A, B, C, strategy=Strategy.REST_FOR_ONE, max_restarts=1)
    assert supervisor.exited("c") == (Emit(Restarting("c", Killed(), 1)), Start(C, 2))
    assert supervisor.exited("a") == ()
    assert supervisor.started("c") == (
        Emit(TooManyRestarts("a", Killed(), 2)),
        *asked_to_stop("c", 2),
    )
    assert supervisor.exited("c", Shutdown()) == asked_to_stop("b")
    assert supervisor.exited("b", Shutdown()) == (gave_up_on("a"),)


def test_a_child_that_dies_again_while_its_group_comes_up_is_the_next_restart() -> None:
    supervisor = running(A, B, strategy=Strategy.REST_FOR_ONE)
    supervisor.exited("a")
    supervisor.exited("b", Shutdown())
    supervisor.started("a")
    assert supervisor.exited("a") == ()
    assert supervisor.started("b") == (
        Emit(Restarting("a", Killed(), 2)),
        *asked_to_stop("b", 2),
    )


# ---- how many are too many ---------------------------------------------------------------------


def crash(supervisor: Machine, spec: ChildSpec) -> None:
    supervisor.exited(spec.id)
    supervisor.started(spec.id)


def test_without_an_allowance_the_first_death_ends_the_supervisor() -> None:
    supervisor = running(A, B, max_restarts=0)
    assert supervisor.exited("a") == (
        Emit(TooManyRestarts("a", Killed(), 1)),
        *asked_to_stop("b"),
    )
    assert supervisor.exited("b", Shutdown()) == (gave_up_on("a"),)


def test_the_allowance_belongs_to_the_supervisor_not_to_a_child() -> None:
    supervisor = running(A, B, C, max_restarts=2)
    crash(supervisor, A)
    crash(supervisor, B)
    assert supervisor.exited("c") == (
        Emit(TooManyRestarts("c", Killed(), 3)),
        *asked_to_stop("b", 2),
    )


def test_restarts_that_left_the_window_no_longer_count() -> None:
    supervisor = running(A, max_restarts=1, max_seconds=1.0)
    for life in range(1, 10):
        assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), Start(A, life + 1))
        supervisor.started("a")
        supervisor.now += 2.1


def test_two_restarts_exactly_max_seconds_apart_are_in_one_window() -> None:
    supervisor = running(A, max_restarts=1, max_seconds=1.0)
    crash(supervisor, A)
    supervisor.now += 1.0
    assert supervisor.exited("a") == (
        Emit(TooManyRestarts("a", Killed(), 2)),
        gave_up_on("a"),
    )


def test_the_window_slides() -> None:
    # 0, 0.6 and 1.2 s: two in every window of 1 s, and no start of a new window between them.
    supervisor = running(A, max_restarts=2, max_seconds=1.0)
    for count in (1, 2, 2, 2):
        assert supervisor.exited("a")[0] == Emit(Restarting("a", Killed(), count))
        supervisor.started("a")
        supervisor.now += 0.6


def test_ends_without_a_restart_do_not_count() -> None:
    supervisor = running(TRANSIENT, child("t", Restart.TEMPORARY), max_restarts=0)
    assert supervisor.exited("x", Normal()) == ()
    assert supervisor.exited("t", Stopped("bored")) == (Emit(Removed("t")),)


def test_a_group_restart_counts_once() -> None:
    supervisor = running(A, B, C, D, strategy=Strategy.ONE_FOR_ALL, max_restarts=1)
    supervisor.exited("a")
    for id_ in "dcb":
        supervisor.exited(id_, Shutdown())
    for id_ in "abcd":
        supervisor.started(id_)
    assert supervisor.state.restarts.times == (supervisor.now,)
