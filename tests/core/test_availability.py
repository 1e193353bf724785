"""What somebody who looks for a child may expect."""

from otpy.core.exits import Killed, Normal, Shutdown
from otpy.core.messages import BootAsked, StartChild, StopAsked, TerminateChild
from otpy.core.spec import ChildSpec, Restart, Strategy, SupervisorSpec
from otpy.core.state import Availability, availability, comes_back, starts_ahead
from tests.core.machine import A, B, C, Machine, child, running

TRANSIENT = child("x", Restart.TRANSIENT)
TEMPORARY = child("t", Restart.TEMPORARY)


def availabilities(supervisor: Machine) -> dict[str, Availability]:
    return {id_: availability(supervisor.state, id_) for id_ in supervisor.state.children}


def test_a_running_child_is_up_and_an_unknown_one_gone() -> None:
    supervisor = running(A)
    assert availability(supervisor.state, "a") is Availability.UP
    assert availability(supervisor.state, "z") is Availability.GONE


def test_during_the_boot_children_are_coming() -> None:
    supervisor = Machine(A, B, C)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    assert availabilities(supervisor) == {
        "a": Availability.UP,
        "b": Availability.STARTING,
        "c": Availability.STARTING,
    }


def test_during_a_group_restart_its_children_are_coming() -> None:
    supervisor = running(A, B, C, strategy=Strategy.REST_FOR_ONE)
    supervisor.exited("b")
    assert availabilities(supervisor) == {
        "a": Availability.UP,
        "b": Availability.STARTING,
        "c": Availability.STARTING,
    }
    supervisor.exited("c", Shutdown())
    assert availabilities(supervisor) == {
        "a": Availability.UP,
        "b": Availability.STARTING,
        "c": Availability.STARTING,
    }


def test_a_child_whose_end_waits_is_coming_if_it_will_be_restarted() -> None:
    supervisor = running(A, B, TRANSIENT, TEMPORARY)
    supervisor.exited("a")
    supervisor.exited("b", Normal())
    supervisor.exited("x", Normal())
    supervisor.exited("t", Killed())
    assert availabilities(supervisor) == {
        "a": Availability.STARTING,
        "b": Availability.STARTING,
        "x": Availability.GONE,
        "t": Availability.GONE,
    }


def test_a_child_that_is_down_is_coming_if_its_group_will_wake_it() -> None:
    supervisor = running(A, TRANSIENT, C, strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("x", Normal())
    assert availability(supervisor.state, "x") is Availability.GONE
    supervisor.exited("a")
    assert availability(supervisor.state, "x") is Availability.STARTING


def test_behind_a_failed_restart_the_rest_of_the_group_is_coming() -> None:
    supervisor = running(A, B, C, strategy=Strategy.REST_FOR_ONE)
    supervisor.exited("b")
    supervisor.exited("c", Shutdown())
    supervisor.ask(1, StartChild(child("n")))  # holds the next try up
    supervisor.failed("b")
    assert availabilities(supervisor) == {
        "a": Availability.UP,
        "b": Availability.STARTING,
        "c": Availability.STARTING,
        "n": Availability.STARTING,
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
    assert availabilities(supervisor) == {
        "b": Availability.STARTING,
        "c": Availability.STARTING,
        "t": Availability.GONE,
        "a": Availability.STARTING,
    }


def test_a_child_that_somebody_terminates_is_gone() -> None:
    supervisor = running(A)
    supervisor.ask(1, TerminateChild("a"))
    assert availability(supervisor.state, "a") is Availability.GONE


def test_while_the_supervisor_ends_what_is_not_stopped_yet_is_up() -> None:
    supervisor = running(A, B)
    supervisor.hear(StopAsked())
    assert availabilities(supervisor) == {"a": Availability.UP, "b": Availability.STOPPING}
    supervisor.exited("b", Shutdown())
    assert availabilities(supervisor) == {"a": Availability.STOPPING, "b": Availability.STOPPING}
    supervisor.exited("a", Shutdown())
    assert availabilities(supervisor) == {"a": Availability.STOPPING, "b": Availability.STOPPING}
    assert availability(supervisor.state, "z") is Availability.STOPPING


def test_while_it_ends_for_good_what_is_stopped_is_gone() -> None:
    """4.19: nobody is to wait for what no supervisor will start again."""
    supervisor = running(A, B)
    supervisor.hear(StopAsked(for_good=True))
    assert availabilities(supervisor) == {"a": Availability.UP, "b": Availability.STOPPING}
    supervisor.exited("b", Shutdown())
    assert availabilities(supervisor) == {"a": Availability.STOPPING, "b": Availability.GONE}
    assert availability(supervisor.state, "z") is Availability.GONE


def test_an_end_that_has_begun_may_turn_out_to_be_for_good() -> None:
    supervisor = running(A, B)
    supervisor.hear(StopAsked())
    supervisor.exited("b", Shutdown())
    assert supervisor.hear(StopAsked(for_good=True)) == ()
    assert availability(supervisor.state, "b") is Availability.GONE


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
