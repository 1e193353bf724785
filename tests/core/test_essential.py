"""Which ends of an essential child end the node with it."""

from dataclasses import replace

import pytest

from otpy.core.exits import ExitReason, ExitStatus, Killed, Normal, Recycled, Shutdown
from otpy.core.messages import (
    Action,
    Done,
    Emit,
    EssentialEnded,
    GiveUp,
    LimitReached,
    Removed,
    Replacing,
    Restarting,
    SendReply,
    Start,
    StopAsked,
    TerminateChild,
)
from otpy.core.spec import ChildSpec, Essential, OnGiveUp, Restart, RestartIntensity, Strategy
from otpy.core.strategy import ends_node
from tests.core.machine import A, asked_to_stop, child, running

ANY, LAST = Essential.ANY_END, Essential.LAST_END


def essential(restart: Restart = Restart.PERMANENT, which: Essential = LAST) -> ChildSpec:
    return replace(child("e", restart), essential=which)


def reports(actions: tuple[Action, ...]) -> list[EssentialEnded]:
    emitted = [action.report for action in actions if isinstance(action, Emit)]
    return [report for report in emitted if isinstance(report, EssentialEnded)]


@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Killed(), ExitStatus(3), Recycled("age")])
def test_it_ends_the_node_when_it_is_not_restarted(restart: Restart, reason: ExitReason) -> None:
    is_recycled = isinstance(reason, Recycled)
    restarted = {
        Restart.PERMANENT: True,
        Restart.TRANSIENT: is_recycled or not isinstance(reason, Normal | Shutdown),
        Restart.TEMPORARY: False,
    }[restart]
    assert ends_node(LAST, restart, reason) is not restarted
    assert ends_node(ANY, restart, reason) is not is_recycled
    assert not ends_node(Essential.NO, restart, reason)


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL])
def test_one_of_which_any_end_counts_is_not_started_again(strategy: Strategy) -> None:
    supervisor = running(A, essential(which=ANY), strategy=strategy)
    assert supervisor.exited("e", ExitStatus(3)) == (Emit(EssentialEnded("e", ExitStatus(3))),)


def test_one_that_is_transient_is_restarted_until_it_ends_in_order() -> None:
    e = essential(Restart.TRANSIENT)
    supervisor = running(e)
    assert supervisor.exited("e") == (Emit(Restarting("e", Killed(), 1)), Start(e, 2))
    supervisor.started("e")
    assert supervisor.exited("e", Normal()) == (Emit(EssentialEnded("e", Normal())),)


def test_the_end_of_a_temporary_one_is_its_last() -> None:
    supervisor = running(A, essential(Restart.TEMPORARY))
    assert supervisor.exited("e") == (Emit(EssentialEnded("e", Killed())), Emit(Removed("e")))


def test_terminate_child_ends_no_node() -> None:
    supervisor = running(A, essential(which=ANY))
    supervisor.ask(1, TerminateChild("e"))
    assert supervisor.exited("e", Shutdown()) == (SendReply(1, Done("e")),)


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_one_that_is_restarted_with_its_group_ends_no_node(strategy: Strategy) -> None:
    e = essential(which=ANY)
    supervisor = running(A, e, strategy=strategy)
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), *asked_to_stop("e"))
    assert supervisor.exited("e", Shutdown()) == (Start(A, 2),)
    assert supervisor.started("a") == (Start(e, 2),)


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_a_temporary_one_that_is_stopped_with_its_group_ends_the_node(strategy: Strategy) -> None:
    supervisor = running(A, essential(Restart.TEMPORARY), strategy=strategy)
    supervisor.exited("a")
    assert reports(supervisor.exited("e", Shutdown())) == [EssentialEnded("e", Shutdown())]


def test_one_that_ends_as_its_group_is_restarted_has_ended_all_the_same() -> None:
    """What is served first restarts the group, and the end of the other is not looked at."""
    supervisor = running(A, essential(which=ANY), strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("a")
    assert not reports(supervisor.exited("e", Killed()))  # it was asked to, and went another way
    supervisor = running(A, A_SLOW, essential(which=ANY), strategy=Strategy.ONE_FOR_ALL)
    supervisor.ask(1, TerminateChild("slow"))
    supervisor.exited("a")
    assert reports(supervisor.exited("e", Killed())) == [EssentialEnded("e", Killed())]


A_SLOW = child("slow")


def test_one_that_stays_down_ends_the_node() -> None:
    own = RestartIntensity(0, 5.0)
    e = replace(essential(), own_intensity=own, on_give_up=OnGiveUp.STAY_DOWN)
    assert reports(running(A, e).exited("e")) == [EssentialEnded("e", Killed())]


def test_one_that_failed_too_often_ends_its_supervisor_as_always() -> None:
    supervisor = running(essential(Restart.PERMANENT), max_restarts=0)
    actions = supervisor.exited("e")
    assert not reports(actions)
    assert isinstance(actions[-1], GiveUp)


def test_one_that_is_recycled_ends_no_node() -> None:
    e = essential(which=ANY)
    supervisor = running(e)
    supervisor.hear(LimitReached("e", 1, Recycled("age 1 h")))
    actions = supervisor.exited("e", Recycled("age 1 h"))
    assert actions == (Emit(Replacing("e", Recycled("age 1 h"))), Start(e, 2))


def test_the_end_of_the_supervisor_is_that_of_no_essential_child() -> None:
    supervisor = running(essential(which=ANY))
    supervisor.hear(StopAsked())
    assert supervisor.exited("e", Shutdown()) == (GiveUp(Shutdown()),)
