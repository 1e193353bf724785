"""What somebody who looks for a child may expect."""

from otpy.core.exits import Killed, Normal, Shutdown
from otpy.core.messages import BootAsked, StartChild, StopAsked, TerminateChild
from otpy.core.spec import ChildSpec, Restart, Strategy, SupervisorSpec
from otpy.core.state import Outlook, comes_back, outlook, starts_ahead
from tests.core.machine import A, B, C, Machine, child, running

TRANSIENT = child("x", Restart.TRANSIENT)
TEMPORARY = child("t", Restart.TEMPORARY)


def outlooks(supervisor: Machine) -> dict[str, Outlook]:
    return {id_: outlook(supervisor.state, id_) for id_ in supervisor.state.children}


def test_a_running_child_is_up_and_an_unknown_one_gone() -> None:
    supervisor = running(A)
    assert outlook(supervisor.state, "a") is Outlook.UP
    assert outlook(supervisor.state, "z") is Outlook.GONE


def test_during_the_boot_children_are_coming() -> None:
    supervisor = Machine(A, B, C)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    assert outlooks(supervisor) == {"a": Outlook.UP, "b": Outlook.COMING, "c": Outlook.COMING}


def test_during_a_group_restart_its_children_are_coming() -> None:
    supervisor = running(A, B, C, strategy=Strategy.REST_FOR_ONE)
    supervisor.exited("b")
    assert outlooks(supervisor) == {"a": Outlook.UP, "b": Outlook.COMING, "c": Outlook.COMING}
    supervisor.exited("c", Shutdown())
    assert outlooks(supervisor) == {"a": Outlook.UP, "b": Outlook.COMING, "c": Outlook.COMING}


def test_a_child_whose_end_waits_is_coming_if_it_will_be_restarted() -> None:
    supervisor = running(A, B, TRANSIENT, TEMPORARY)
    supervisor.exited("a")
    supervisor.exited("b", Normal())
    supervisor.exited("x", Normal())
    supervisor.exited("t", Killed())
    assert outlooks(supervisor) == {
        "a": Outlook.COMING,
        "b": Outlook.COMING,
        "x": Outlook.GONE,
        "t": Outlook.GONE,
    }


def test_a_child_that_is_down_is_coming_if_its_group_will_wake_it() -> None:
    supervisor = running(A, TRANSIENT, C, strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("x", Normal())
    assert outlook(supervisor.state, "x") is Outlook.GONE
    supervisor.exited("a")
    assert outlook(supervisor.state, "x") is Outlook.COMING


def test_behind_a_failed_restart_the_rest_of_the_group_is_coming() -> None:
    supervisor = running(A, B, C, strategy=Strategy.REST_FOR_ONE)
    supervisor.exited("b")
    supervisor.exited("c", Shutdown())
    supervisor.ask(1, StartChild(child("n")))  # holds the next try up
    supervisor.failed("b")
    assert outlooks(supervisor) == {
        "a": Outlook.UP,
        "b": Outlook.COMING,
        "c": Outlook.COMING,
        "n": Outlook.COMING,
    }


def test_a_temporary_child_does_not_wait_for_another() -> None:
    supervisor = running(B, C, strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("b")
    supervisor.exited("c", Shutdown())
    supervisor.ask(1, StartChild(TEMPORARY))
    supervisor.ask(2, StartChild(A))
    supervisor.failed("b")
    supervisor.started("t")
    supervisor.exited("t", Normal())
    assert outlooks(supervisor) == {
        "b": Outlook.COMING,
        "c": Outlook.COMING,
        "t": Outlook.GONE,
        "a": Outlook.COMING,
    }


def test_a_child_that_somebody_terminates_is_gone() -> None:
    supervisor = running(A)
    supervisor.ask(1, TerminateChild("a"))
    assert outlook(supervisor.state, "a") is Outlook.GONE


def test_while_the_supervisor_ends_what_is_not_stopped_yet_is_up() -> None:
    supervisor = running(A, B)
    supervisor.hear(StopAsked())
    assert outlooks(supervisor) == {"a": Outlook.UP, "b": Outlook.ENDING}
    supervisor.exited("b", Shutdown())
    assert outlooks(supervisor) == {"a": Outlook.ENDING, "b": Outlook.ENDING}
    supervisor.exited("a", Shutdown())
    assert outlooks(supervisor) == {"a": Outlook.ENDING, "b": Outlook.ENDING}
    assert outlook(supervisor.state, "z") is Outlook.ENDING


def test_while_it_ends_for_good_what_is_stopped_is_gone() -> None:
    """4.19: nobody is to wait for what no supervisor will start again."""
    supervisor = running(A, B)
    supervisor.hear(StopAsked(for_good=True))
    assert outlooks(supervisor) == {"a": Outlook.UP, "b": Outlook.ENDING}
    supervisor.exited("b", Shutdown())
    assert outlooks(supervisor) == {"a": Outlook.ENDING, "b": Outlook.GONE}
    assert outlook(supervisor.state, "z") is Outlook.GONE


def test_an_end_that_has_begun_may_turn_out_to_be_for_good() -> None:
    supervisor = running(A, B)
    supervisor.hear(StopAsked())
    supervisor.exited("b", Shutdown())
    assert supervisor.hear(StopAsked(for_good=True)) == ()
    assert outlook(supervisor.state, "b") is Outlook.GONE


def test_what_is_stopped_comes_back_unless_that_was_asked_for_or_is_for_good() -> None:
    supervisor = running(A, B, TEMPORARY, strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("a")
    assert comes_back(supervisor.state, "b")
    assert not comes_back(supervisor.state, "t")
    supervisor = running(A)
    supervisor.ask(1, TerminateChild("a"))
    assert not comes_back(supervisor.state, "a")
    for for_good in (True, False):
        supervisor = running(A)
        supervisor.hear(StopAsked(for_good))
        assert comes_back(supervisor.state, "a") is not for_good


def test_starts_that_were_asked_for_are_ahead() -> None:
    supervisor = running(A)
    supervisor.ask(1, StartChild(B))
    assert starts_ahead(supervisor.state, 10) == 0
    supervisor.ask(2, StartChild(C))
    supervisor.ask(3, StartChild(ChildSpec("s", SupervisorSpec())))
    supervisor.exited("a")
    assert starts_ahead(supervisor.state, 10) == 2
    assert starts_ahead(supervisor.state, 1) == 1
