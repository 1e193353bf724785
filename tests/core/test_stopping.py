"""How children are stopped, and how the supervisor ends (``shutdown/1``, ``terminate/2``)."""

from dataclasses import replace

from otpy.core.exits import FailedToStartChild, Killed, Shutdown
from otpy.core.messages import (
    BootAsked,
    Done,
    GiveUp,
    Halt,
    HaltAsked,
    Kill,
    Requested,
    SendReply,
    SetTimer,
    Start,
    StartChild,
    Stop,
    StopAsked,
    TerminateChild,
    TimedOut,
    WhichChildren,
)
from otpy.core.spec import BRUTAL_KILL, INFINITY, Strategy
from tests.core.machine import BROKEN, A, B, C, Machine, asked_to_stop, child, running


def test_children_stop_one_after_another_latest_first() -> None:
    supervisor = running(A, B)
    assert supervisor.hear(StopAsked()) == asked_to_stop("b")
    assert supervisor.exited("b", Shutdown()) == asked_to_stop("a")
    assert supervisor.exited("a", Shutdown()) == (GiveUp(Shutdown()),)


def test_a_child_over_its_budget_is_killed_and_the_next_gets_its_own() -> None:
    supervisor = running(A, child("slow", shutdown=0.1))
    assert supervisor.hear(StopAsked()) == (Stop("slow", 1), SetTimer("slow", 1, 0.1))
    assert supervisor.timed_out("slow") == (Kill("slow", 1),)
    assert supervisor.exited("slow", Killed()) == asked_to_stop("a")


def test_a_budget_of_zero_is_over_at_once_but_asks_first() -> None:
    supervisor = running(child("a", shutdown=0.0))
    assert supervisor.hear(StopAsked()) == (Stop("a", 1), SetTimer("a", 1, 0.0))
    assert supervisor.timed_out("a") == (Kill("a", 1),)


def test_a_child_with_an_infinite_budget_is_waited_for() -> None:
    supervisor = running(child("a", shutdown=INFINITY))
    assert supervisor.hear(StopAsked()) == (Stop("a", 1),)


def test_brutal_kill_does_not_ask() -> None:
    supervisor = running(child("a", shutdown=BRUTAL_KILL))
    assert supervisor.hear(StopAsked()) == (Kill("a", 1),)
    assert supervisor.exited("a", Killed()) == (GiveUp(Shutdown()),)


def test_a_timer_of_a_child_that_has_ended_does_nothing() -> None:
    supervisor = running(A, B, strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("a")
    supervisor.exited("b", Shutdown())
    assert supervisor.hear(TimedOut("b", 1)) == ()
    supervisor.started("a")
    supervisor.started("b")
    assert supervisor.hear(TimedOut("b", 1)) == ()
    assert supervisor.timed_out("b") == ()


def test_a_child_that_is_dead_already_is_not_asked() -> None:
    supervisor = running(A, B, C)
    supervisor.ask(1, TerminateChild("c"))
    supervisor.exited("b")
    supervisor.ask(2, TerminateChild("b"))
    supervisor.ask(3, WhichChildren())
    assert supervisor.hear(StopAsked()) == ()
    assert supervisor.exited("c", Shutdown()) == asked_to_stop("a")


def test_terminate_child_of_one_that_died_meanwhile_is_done_at_once() -> None:
    supervisor = running(A, B, max_restarts=0)
    supervisor.ask(1, TerminateChild("b"))
    supervisor.ask(2, TerminateChild("a"))
    supervisor.exited("a")
    assert supervisor.exited("b", Shutdown()) == (SendReply(1, Done("b")), SendReply(2, Done("a")))


def test_a_second_stop_changes_nothing() -> None:
    supervisor = running(A)
    supervisor.hear(StopAsked())
    assert supervisor.hear(StopAsked()) == ()


def test_a_stop_does_not_hide_why_the_boot_failed() -> None:
    supervisor = Machine(A, B)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    supervisor.failed("b")
    assert supervisor.hear(StopAsked()) == ()
    assert supervisor.exited("a", Shutdown()) == (GiveUp(FailedToStartChild("b", BROKEN)),)


def test_a_supervisor_without_children_ends_at_once() -> None:
    supervisor = running()
    assert supervisor.hear(StopAsked()) == (GiveUp(Shutdown()),)


def test_nothing_follows_the_end() -> None:
    supervisor = running(A)
    supervisor.hear(StopAsked())
    supervisor.exited("a", Shutdown())
    over = supervisor.state
    for event in (StopAsked(), HaltAsked(), Requested(1, StartChild(B)), TimedOut("a", 1)):
        assert supervisor.hear(event) == ()
    assert supervisor.state == over


# ---- while a child starts ----------------------------------------------------------------------


def test_a_stop_does_not_wait_for_an_init_that_hangs() -> None:
    # OTP would wait for init to return; a hanging one would hold the whole node here.
    supervisor = running(A)
    supervisor.exited("a")
    assert supervisor.hear(StopAsked()) == asked_to_stop("a", 2)
    assert supervisor.timed_out("a") == (Kill("a", 2),)
    assert supervisor.failed("a", Killed()) == (GiveUp(Shutdown()),)


def test_a_starting_child_keeps_its_place_in_the_order() -> None:
    supervisor = running(A, B)
    supervisor.exited("a")
    assert supervisor.hear(StopAsked()) == asked_to_stop("b")
    assert supervisor.started("a") == ()
    assert supervisor.exited("b", Shutdown()) == asked_to_stop("a", 2)
    assert supervisor.exited("a", Shutdown()) == (GiveUp(Shutdown()),)


def test_a_child_that_comes_up_after_it_was_asked_to_stop_is_waited_for() -> None:
    supervisor = Machine(A, B)
    supervisor.hear(BootAsked())
    supervisor.hear(StopAsked())
    assert supervisor.started("a") == ()
    assert supervisor.exited("a", Shutdown()) == (GiveUp(Shutdown()),)


def test_a_child_that_ignores_its_start_after_it_was_asked_to_stop_is_gone() -> None:
    supervisor = Machine(A, B)
    supervisor.hear(BootAsked())
    supervisor.hear(StopAsked())
    assert supervisor.ignored("a") == (GiveUp(Shutdown()),)


def test_a_stop_in_the_middle_of_a_group_stop_waits_for_the_one_that_is_stopping() -> None:
    supervisor = running(A, B, C, strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("c")
    assert supervisor.hear(StopAsked()) == ()
    assert supervisor.exited("b", Shutdown()) == asked_to_stop("a")


def test_a_stop_waits_first_for_the_child_that_somebody_terminates() -> None:
    supervisor = running(A, B)
    supervisor.ask(1, TerminateChild("a"))
    assert supervisor.hear(StopAsked()) == ()
    assert supervisor.exited("a", Shutdown()) == asked_to_stop("b")
    assert supervisor.exited("b", Shutdown()) == (GiveUp(Shutdown()),)


# ---- the second Ctrl-C -------------------------------------------------------------------------


def test_a_halt_ends_all_children_at_once() -> None:
    supervisor = running(A, replace(B, shutdown=INFINITY), C)
    assert supervisor.hear(HaltAsked()) == (Halt("c", 1), Halt("b", 1), Halt("a", 1))
    assert supervisor.exited("a") == ()
    assert supervisor.exited("c") == ()
    assert supervisor.exited("b") == (GiveUp(Shutdown()),)


def test_a_halt_overtakes_a_stop() -> None:
    supervisor = running(A, B)
    supervisor.hear(StopAsked())
    assert supervisor.hear(HaltAsked()) == (Halt("b", 1), Halt("a", 1))
    assert supervisor.exited("b") == ()
    assert supervisor.exited("a") == (GiveUp(Shutdown()),)


def test_a_halt_ends_a_child_that_starts_and_no_other_starts() -> None:
    supervisor = Machine(A, B)
    assert supervisor.hear(BootAsked()) == (Start(A, 1),)
    assert supervisor.hear(HaltAsked()) == (Halt("a", 1),)
    assert supervisor.failed("a", Killed()) == (GiveUp(Shutdown()),)


def test_a_halt_leaves_out_the_dead() -> None:
    supervisor = running(A, B)
    supervisor.ask(1, TerminateChild("b"))
    supervisor.exited("a")
    assert supervisor.hear(HaltAsked()) == (Halt("b", 1),)
    assert supervisor.exited("b") == (GiveUp(Shutdown()),)
