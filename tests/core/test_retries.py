"""A restart that fails is tried again, and the supervisor listens between the tries."""

from otpy.core.exits import Killed, Normal, Shutdown
from otpy.core.messages import (
    ChildCounts,
    Children,
    ChildRow,
    CountChildren,
    DeleteChild,
    Denied,
    Done,
    Emit,
    GiveUp,
    Request,
    RestartChild,
    Restarting,
    SendReply,
    Start,
    StartChild,
    StopAsked,
    TerminateChild,
    TooManyRestarts,
    WhichChildren,
)
from otpy.core.spec import Restart, Strategy
from tests.core.machine import BROKEN, A, B, C, D, asked_to_stop, child, gave_up_on, running


def test_every_try_counts_and_none_waits() -> None:
    supervisor = running(D, A, max_restarts=3)
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), Start(A, 2))
    assert supervisor.failed("a") == (Emit(Restarting("a", BROKEN, 2)), Start(A, 3))
    assert supervisor.failed("a") == (Emit(Restarting("a", BROKEN, 3)), Start(A, 4))
    assert supervisor.failed("a") == (Emit(TooManyRestarts("a", BROKEN, 4)), *asked_to_stop("d"))
    assert supervisor.exited("d", Shutdown()) == (gave_up_on("a", BROKEN),)


def test_one_for_all_begins_again_with_all() -> None:
    supervisor = running(A, B, C, D, strategy=Strategy.ONE_FOR_ALL)
    supervisor.exited("a")
    for id_ in "dcb":
        supervisor.exited(id_, Shutdown())
    supervisor.started("a")
    supervisor.started("b")
    assert supervisor.failed("c") == (Emit(Restarting("c", BROKEN, 2)), *asked_to_stop("b", 2))
    assert supervisor.exited("b", Shutdown()) == asked_to_stop("a", 2)
    assert supervisor.exited("a", Shutdown()) == (Start(A, 3),)
    assert supervisor.started("a") == (Start(B, 3),)
    assert supervisor.started("b") == (Start(C, 3),)
    assert supervisor.started("c") == (Start(D, 2),)
    assert supervisor.started("d") == ()


def test_rest_for_one_goes_on_with_the_one_that_failed() -> None:
    supervisor = running(A, B, C, D, strategy=Strategy.REST_FOR_ONE)
    supervisor.exited("b")
    supervisor.exited("d", Shutdown())
    supervisor.exited("c", Shutdown())
    supervisor.started("b")
    assert supervisor.failed("c") == (Emit(Restarting("c", BROKEN, 2)), Start(C, 3))
    assert supervisor.started("c") == (Start(D, 2),)


def test_requests_that_came_during_a_try_are_answered_before_the_next() -> None:
    supervisor = running(A, B)
    supervisor.exited("a")
    requests: list[Request] = [
        WhichChildren(),
        CountChildren(),
        RestartChild("a"),
        DeleteChild("a"),
        StartChild(A),
    ]
    for token, request in enumerate(requests):
        assert supervisor.ask(token, request) == ()
    assert supervisor.failed("a") == (
        SendReply(
            0,
            Children(
                (ChildRow("b", "running", "worker", 1), ChildRow("a", "restarting", "worker", 2))
            ),
        ),
        SendReply(1, ChildCounts(specs=2, active=1, supervisors=0, workers=2)),
        SendReply(2, Denied("restarting")),
        SendReply(3, Denied("restarting")),
        SendReply(4, Denied("already_present")),
        Emit(Restarting("a", BROKEN, 2)),
        Start(A, 3),
    )


def test_terminate_child_ends_the_tries() -> None:
    supervisor = running(A)
    supervisor.exited("a")
    supervisor.ask(1, TerminateChild("a"))
    assert supervisor.failed("a") == (SendReply(1, Done("a")),)
    assert supervisor.ask(2, RestartChild("a")) == (Start(A, 3),)


def test_after_terminate_child_the_rest_of_the_group_stays_down() -> None:
    supervisor = running(A, B, C, strategy=Strategy.REST_FOR_ONE)
    supervisor.exited("b")
    supervisor.exited("c", Shutdown())
    supervisor.ask(1, TerminateChild("b"))
    assert supervisor.failed("b") == (SendReply(1, Done("b")),)
    assert supervisor.ask(2, RestartChild("b")) == (Start(B, 3),)
    assert supervisor.started("b") == (SendReply(2, Done("b", 3)),)
    assert supervisor.ask(3, CountChildren()) == (SendReply(3, ChildCounts(3, 2, 0, 3)),)


def test_a_sibling_that_died_during_a_try_comes_up_before_the_next() -> None:
    supervisor = running(A, B)
    supervisor.exited("a")
    assert supervisor.exited("b") == ()
    assert supervisor.failed("a") == (Emit(Restarting("b", Killed(), 2)), Start(B, 2))
    assert supervisor.started("b") == (Emit(Restarting("a", BROKEN, 3)), Start(A, 3))


def test_a_group_restart_between_two_tries_takes_the_next_one_over() -> None:
    supervisor = running(A, B, strategy=Strategy.REST_FOR_ONE)
    supervisor.exited("b")
    supervisor.exited("a")
    assert supervisor.failed("b") == (Emit(Restarting("a", Killed(), 2)), Start(A, 2))
    assert supervisor.started("a") == (Start(B, 3),)
    assert supervisor.started("b") == ()


def test_a_stop_is_obeyed_at_once() -> None:
    supervisor = running(A, B)
    supervisor.exited("a")
    assert supervisor.hear(StopAsked()) == asked_to_stop("b")
    assert supervisor.failed("a") == ()
    assert supervisor.exited("b", Shutdown()) == (GiveUp(Shutdown()),)


def test_a_child_that_waits_for_its_next_try_is_not_stopped() -> None:
    supervisor = running(A, child("x", Restart.TRANSIENT), C, max_restarts=2)
    supervisor.exited("a")
    supervisor.exited("x", Normal())
    supervisor.exited("c")
    supervisor.failed("a")
    assert supervisor.failed("c") == (
        Emit(TooManyRestarts("a", BROKEN, 3)),
        gave_up_on("a", BROKEN),
    )
