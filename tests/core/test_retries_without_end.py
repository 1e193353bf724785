"""A child whose restarts never end its supervisor (5.1)."""

from otpy.core.exits import Killed
from otpy.core.messages import (
    Action,
    Emit,
    GiveUp,
    Restarting,
    SetTimer,
    Start,
    StopAsked,
    TryAgain,
    Up,
)
from otpy.core.spec import ChildSpec, RestartIntensity, Retries, ServerStart
from tests.core.machine import BROKEN, A, Machine, running

TWICE = RestartIntensity(max_restarts=2, max_seconds=10.0)
G = ChildSpec("g", ServerStart("shop:gateway"), retries=Retries(TWICE, delay=1.0))


def ends(machine: Machine) -> tuple[Action, ...]:
    actions = machine.exited("g")
    if any(isinstance(action, Start) for action in actions):
        machine.started("g")
    return actions


def test_as_many_as_are_allowed_are_started_at_once_and_others_after_a_pause() -> None:
    machine = running(G, A, max_restarts=0)
    assert ends(machine) == (Emit(Restarting("g", Killed(), 1, TWICE)), Start(G, 2))
    assert ends(machine) == (Emit(Restarting("g", Killed(), 2, TWICE)), Start(G, 3))
    assert ends(machine) == (Emit(Restarting("g", Killed(), 3, TWICE)), SetTimer("g", 3, 1.0))
    machine.now += 1.0
    assert machine.timed_out("g") == (Start(G, 4),)
    machine.started("g")
    machine.now += 10.5
    assert ends(machine) == (Emit(Restarting("g", Killed(), 1, TWICE)), Start(G, 5))


def test_they_leave_the_restarts_of_a_sibling_alone() -> None:
    machine = running(G, A, max_restarts=1)
    for _ in range(100):
        ends(machine)
        machine.timed_out("g")
        machine.started("g")
    assert Start(A, 2) in machine.exited("a")
    machine.started("a")
    assert not any(isinstance(action, GiveUp) for action in ends(machine))


def test_a_sibling_is_restarted_during_the_pause() -> None:
    machine = running(G, A)
    for _ in range(3):
        ends(machine)
    assert Start(A, 2) in machine.exited("a")
    assert machine.timed_out("g") == ()  # one start at a time
    assert machine.started("a") == (Start(G, 4),)


def test_a_start_that_fails_again_and_again_is_tried_again_after_a_pause() -> None:
    machine = running(G, A, max_restarts=0)
    machine.exited("g")
    assert Start(G, 3) in machine.failed("g", BROKEN)
    assert machine.failed("g", BROKEN)[-1] == SetTimer("g", 3, 1.0)
    assert machine.timed_out("g") == (Start(G, 4),)


def test_the_supervisor_stops_during_the_pause() -> None:
    machine = running(G)
    for _ in range(3):
        ends(machine)
    assert isinstance(machine.hear(StopAsked())[-1], GiveUp)
    assert machine.timed_out("g") == ()


def test_a_pause_that_is_over_for_an_earlier_incarnation_means_nothing() -> None:
    machine = running(G)
    machine.exited("g")
    machine.started("g")
    assert machine.hear(TryAgain("g", Killed())) == ()
    assert not any(isinstance(action, Up | Start) for action in machine.timed_out("g"))
