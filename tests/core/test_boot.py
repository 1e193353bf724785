from otpy.core.exits import FailedToStartChild, Killed, Shutdown
from otpy.core.messages import (
    BootAsked,
    Children,
    ChildRow,
    Emit,
    GiveUp,
    Removed,
    Restarting,
    SendReply,
    Start,
    StopAsked,
    Up,
    WhichChildren,
)
from otpy.core.spec import Restart
from tests.core.machine import BROKEN, A, B, C, D, Machine, asked_to_stop, child


def test_children_start_one_after_another_in_order() -> None:
    supervisor = Machine(A, B)
    assert supervisor.hear(BootAsked()) == (Start(A, 1),)
    assert supervisor.started("a") == (Start(B, 1),)
    assert supervisor.started("b") == (Up(),)


def test_a_supervisor_without_children_is_up_at_once() -> None:
    assert Machine().hear(BootAsked()) == (Up(),)


def test_a_failed_start_stops_what_runs_and_fails_the_boot() -> None:
    supervisor = Machine(A, B, C, D)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    supervisor.started("b")
    assert supervisor.failed("c") == asked_to_stop("b")
    assert supervisor.exited("b") == asked_to_stop("a")
    assert supervisor.exited("a") == (GiveUp(FailedToStartChild("c", BROKEN)),)


def test_a_temporary_child_that_fails_to_start_fails_the_boot_too() -> None:
    supervisor = Machine(child("t", Restart.TEMPORARY), B)
    supervisor.hear(BootAsked())
    assert supervisor.failed("t") == (
        Emit(Removed("t")),
        GiveUp(FailedToStartChild("t", BROKEN)),
    )


def test_a_child_that_ignores_its_start_is_kept_undefined() -> None:
    supervisor = Machine(A, B)
    supervisor.hear(BootAsked())
    assert supervisor.ignored("a") == (Start(B, 1),)
    supervisor.started("b")
    assert supervisor.ask(1, WhichChildren()) == (
        SendReply(
            1,
            Children(
                (ChildRow("b", "running", "worker", 1), ChildRow("a", "undefined", "worker", 1))
            ),
        ),
    )


def test_a_temporary_child_that_ignores_its_start_is_forgotten() -> None:
    supervisor = Machine(child("t", Restart.TEMPORARY), B)
    supervisor.hear(BootAsked())
    assert supervisor.ignored("t") == (Emit(Removed("t")), Start(B, 1))


def test_a_death_during_the_boot_is_a_restart_after_it() -> None:
    supervisor = Machine(A, B)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    assert supervisor.exited("a") == ()
    assert supervisor.started("b") == (
        Up(),
        Emit(Restarting("a", Killed(), 1)),
        Start(A, 2),
    )


def test_a_boot_that_fails_does_not_wait_for_a_child_that_is_dead_already() -> None:
    supervisor = Machine(A, B, C)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    supervisor.started("b")
    supervisor.exited("b")
    assert supervisor.failed("c") == asked_to_stop("a")
    assert supervisor.exited("a", Shutdown()) == (GiveUp(FailedToStartChild("c", BROKEN)),)


def test_requests_wait_until_the_boot_is_over() -> None:
    supervisor = Machine(A)
    supervisor.hear(BootAsked())
    assert supervisor.ask(1, WhichChildren()) == ()
    assert supervisor.started("a") == (
        Up(),
        SendReply(1, Children((ChildRow("a", "running", "worker", 1),))),
    )


def test_a_stop_during_the_boot_tells_the_starting_child_and_starts_no_other() -> None:
    supervisor = Machine(A, B, C)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    assert supervisor.hear(StopAsked()) == asked_to_stop("b")
    assert supervisor.failed("b", Shutdown()) == asked_to_stop("a")
    assert supervisor.exited("a", Shutdown()) == (GiveUp(Shutdown()),)
