"""Significant children and the end of their supervisor (EEP 56)."""

import pytest

from otpy.core.exits import ExitReason, Killed, Normal, Shutdown, Stopped
from otpy.core.messages import (
    AutoShutdownBegan,
    Done,
    Emit,
    GiveUp,
    Removed,
    Restarting,
    SendReply,
    Start,
    TerminateChild,
)
from otpy.core.spec import AutoShutdown, Restart, Strategy
from tests.core.machine import BROKEN, A, B, asked_to_stop, child, running

ANY, ALL = AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT
S = child("s", Restart.TRANSIENT, significant=True)
S2 = child("s2", Restart.TRANSIENT, significant=True)
T = child("t", Restart.TEMPORARY, significant=True)


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Shutdown("done")])
def test_the_clean_end_of_a_significant_child_ends_the_supervisor(reason: ExitReason) -> None:
    supervisor = running(A, S, B, auto_shutdown=ANY)
    assert supervisor.exited("s", reason) == (Emit(AutoShutdownBegan("s")), *asked_to_stop("b"))
    assert supervisor.exited("b", Shutdown()) == asked_to_stop("a")
    assert supervisor.exited("a", Shutdown()) == (GiveUp(Shutdown()),)


def test_a_significant_child_that_is_restarted_ends_nothing() -> None:
    supervisor = running(A, S, auto_shutdown=ANY)
    assert supervisor.exited("s") == (Emit(Restarting("s", Killed(), 1)), Start(S, 2))


def test_a_temporary_significant_child_ends_the_supervisor_however_it_ended() -> None:
    supervisor = running(T, auto_shutdown=ANY)
    assert supervisor.exited("t", Stopped("bored")) == (
        Emit(Removed("t")),
        Emit(AutoShutdownBegan("t")),
        GiveUp(Shutdown()),
    )


def test_the_end_of_another_child_ends_nothing() -> None:
    supervisor = running(S, child("x", Restart.TRANSIENT), auto_shutdown=ANY)
    assert supervisor.exited("x", Normal()) == ()


def test_terminate_child_never_ends_the_supervisor() -> None:
    supervisor = running(A, S, auto_shutdown=ANY)
    supervisor.ask(1, TerminateChild("s"))
    assert supervisor.exited("s", Normal()) == (SendReply(1, Done("s")),)


def test_all_significant_waits_for_the_last() -> None:
    supervisor = running(S, S2, auto_shutdown=ALL)
    assert supervisor.exited("s2", Normal()) == ()
    assert supervisor.exited("s", Normal()) == (Emit(AutoShutdownBegan("s")), GiveUp(Shutdown()))


def test_all_significant_counts_a_terminated_child_as_ended() -> None:
    supervisor = running(S, S2, auto_shutdown=ALL)
    supervisor.ask(1, TerminateChild("s"))
    supervisor.exited("s", Shutdown())
    assert supervisor.exited("s2", Normal()) == (Emit(AutoShutdownBegan("s2")), GiveUp(Shutdown()))


def test_all_significant_is_not_met_by_terminating_the_last() -> None:
    supervisor = running(S, S2, auto_shutdown=ALL)
    supervisor.exited("s", Normal())
    supervisor.ask(1, TerminateChild("s2"))
    assert supervisor.exited("s2", Shutdown()) == (SendReply(1, Done("s2")),)


def test_all_significant_counts_a_child_between_two_tries_as_running() -> None:
    supervisor = running(S, S2, auto_shutdown=ALL)
    supervisor.exited("s")
    supervisor.exited("s2", Normal())
    assert supervisor.failed("s") == (Emit(Restarting("s", BROKEN, 2)), Start(S, 3))


def test_a_significant_child_stopped_with_its_group_ends_nothing() -> None:
    supervisor = running(A, T, B, strategy=Strategy.ONE_FOR_ALL, auto_shutdown=ANY)
    supervisor.exited("a")
    # It ends by itself, but after the group stop has begun.
    assert supervisor.exited("t", Normal()) == ()
    assert supervisor.exited("b", Shutdown()) == (Emit(Removed("t")), Start(A, 2))
