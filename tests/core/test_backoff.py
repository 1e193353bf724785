"""A child with `backoff` waits longer and longer for its next start."""

from dataclasses import replace

import pytest

from otpy.core.exits import FailedToStartChild, Killed, Shutdown
from otpy.core.messages import (
    BackingOff,
    BootAsked,
    CancelTimer,
    Children,
    ChildRow,
    DeleteChild,
    Denied,
    Done,
    Emit,
    GiveUp,
    NotStarted,
    RestartChild,
    Restarting,
    SendReply,
    SetTimer,
    Start,
    StartChild,
    StaysDown,
    Stop,
    StopAsked,
    TerminateChild,
    TimedOut,
    TooManyRestarts,
    Up,
    WhichChildren,
)
from otpy.core.placement import passed_down
from otpy.core.spec import (
    NO_BACKOFF,
    Backoff,
    ChildSpec,
    Inheritable,
    Restart,
    Strategy,
    SupervisorSpec,
)
from otpy.core.state import Availability, availability, comes_back
from tests.core.machine import BROKEN, A, B, C, Machine, asked_to_stop, running

BACKOFF = Backoff(initial=1.0, factor=3.0, max=10.0, jitter=0.5, reset_after=60.0)
L = replace(A, id="l", backoff=BACKOFF)  # loops
MANY = 1000


def backs_off(seconds: float, restarts: int, id_: str = "l", waits_for: str = "l") -> Emit:
    return Emit(BackingOff(id_, Killed(), seconds, restarts, None, waits_for))


def waiting(*children: ChildSpec, strategy: Strategy = Strategy.ONE_FOR_ONE) -> Machine:
    """Make a supervisor whose child `l` has failed twice; its siblings obey when asked to stop."""
    supervisor = running(*children, strategy=strategy, max_restarts=MANY)
    while supervisor.incarnation("l") < 2:
        fail(supervisor)
    fail(supervisor)
    return supervisor


def fail(supervisor: Machine) -> None:
    """End `l`, and let its group stop, and start if it is to."""
    actions = supervisor.exited("l")
    while actions and isinstance(actions[-1], Start | SetTimer):
        last = actions[-1]
        if isinstance(last, Start):
            actions = supervisor.started(last.spec.id)
        elif any(isinstance(each, Stop) for each in actions):
            actions = supervisor.exited(last.child, Shutdown())
        else:
            return


def test_the_first_restart_is_at_once_and_each_later_one_waits_longer() -> None:
    supervisor = running(L, A, max_restarts=MANY)
    assert supervisor.exited("l") == (Emit(Restarting("l", Killed(), 1)), Start(L, 2))
    for restarts, seconds in ((2, 1.0), (3, 3.0), (4, 9.0), (5, 10.0), (6, 10.0)):
        supervisor.started("l")
        assert supervisor.exited("l") == (
            SetTimer("l", restarts, seconds),
            backs_off(seconds, restarts),
        )
        assert supervisor.timed_out("l") == (Start(L, restarts + 1),)


def test_the_jitter_makes_a_wait_shorter_or_longer_and_never_longer_than_the_longest() -> None:
    for chance, seconds in ((0.0, 0.5), (0.25, 0.75), (1.0, 1.5)):
        supervisor = running(L, max_restarts=MANY)
        supervisor.exited("l")
        supervisor.started("l")
        supervisor.chance = chance
        assert supervisor.exited("l")[0] == SetTimer("l", 2, seconds)
    assert BACKOFF.with_jitter(10.0, 1.0) == 10.0


def test_who_was_up_for_long_begins_anew() -> None:
    supervisor = running(L, max_restarts=MANY)
    for up_for, at_once in ((1.0, True), (59.9, False), (60.0, True), (1.0, False)):
        supervisor.now += up_for
        at = [isinstance(each, Start) for each in supervisor.exited("l")]
        assert any(at) is at_once
        if not at_once:
            supervisor.timed_out("l")
        supervisor.started("l")


def test_the_time_in_backoff_is_not_time_that_it_was_up() -> None:
    supervisor = running(L, max_restarts=MANY)
    supervisor.exited("l")
    supervisor.now += 100.0
    assert supervisor.failed("l", Killed())[0] == SetTimer("l", 2, 1.0)
    supervisor.now += 100.0
    supervisor.timed_out("l")
    assert supervisor.failed("l", Killed())[0] == SetTimer("l", 3, 3.0)


def test_siblings_are_served_meanwhile() -> None:
    supervisor = waiting(L, A)
    assert Start(A, 2) in supervisor.exited("a")
    assert supervisor.timed_out("l") == ()  # one start at a time
    assert supervisor.started("a") == (Start(L, 3),)


def test_restarts_count_as_without() -> None:
    supervisor = running(L, A, max_restarts=1)
    supervisor.exited("l")
    supervisor.started("l")
    assert supervisor.exited("l") == (
        Emit(TooManyRestarts("l", Killed(), 2)),
        *asked_to_stop("a"),
    )


def test_any_number_of_restarts_may_be_allowed() -> None:
    supervisor = running(A, max_restarts=None)
    for _ in range(2 * MANY):
        assert isinstance(supervisor.exited("a")[-1], Start)
        supervisor.started("a")
    assert len(supervisor.state.restarts.times) == MANY


def test_children_have_what_their_supervisor_has_unless_they_have_their_own() -> None:
    supervisor = running(A, replace(B, backoff=NO_BACKOFF), max_restarts=MANY, backoff=BACKOFF)
    for id_ in "ab":
        supervisor.exited(id_)
        supervisor.started(id_)
    assert supervisor.exited("a")[0] == SetTimer("a", 2, 1.0)
    assert supervisor.exited("b")[-1] == Start(replace(B, backoff=NO_BACKOFF), 3)


def test_supervisors_hand_it_down() -> None:
    inner = SupervisorSpec(children=(A, ChildSpec("t", SupervisorSpec())))
    outer = SupervisorSpec(backoff=BACKOFF, children=(ChildSpec("s", inner),))
    outer = passed_down(outer, Inheritable(), "")
    (s,) = outer.children
    assert isinstance(s.start, SupervisorSpec)
    assert s.start.backoff == BACKOFF
    a, t = s.start.children
    assert a == replace(A, backoff=BACKOFF)
    assert isinstance(t.start, SupervisorSpec)
    assert t.start.backoff == BACKOFF


# ---- groups --------------------------------------------------------------------------------------


def test_with_rest_for_one_those_after_it_stop_and_wait_too() -> None:
    supervisor = running(A, L, B, C, strategy=Strategy.REST_FOR_ONE, max_restarts=MANY)
    fail(supervisor)
    assert supervisor.exited("l") == (
        SetTimer("l", 2, 1.0),
        backs_off(1.0, 2),
        *asked_to_stop("c", 2),
    )
    assert supervisor.exited("c", Shutdown()) == asked_to_stop("b", 2)
    assert supervisor.exited("b", Shutdown()) == (
        backs_off(1.0, 2, "b"),
        backs_off(1.0, 2, "c"),
    )
    for id_ in "lbc":
        assert availability(supervisor.state, id_) is Availability.STARTING
    assert availability(supervisor.state, "a") is Availability.UP
    assert supervisor.timed_out("l") == (Start(L, 3),)
    assert supervisor.started("l") == (Start(B, 3),)
    assert supervisor.started("b") == (Start(C, 3),)
    assert supervisor.started("c") == ()


def test_with_one_for_all_everybody_waits() -> None:
    supervisor = waiting(A, L, B, strategy=Strategy.ONE_FOR_ALL)
    states = {row.id: row.state for row in rows(supervisor)}
    assert states == {"a": "backoff", "l": "backoff", "b": "backoff"}
    assert supervisor.timed_out("l") == (Start(A, 3),)


def test_a_wait_that_is_over_before_its_group_has_stopped_goes_on_then() -> None:
    supervisor = running(A, L, strategy=Strategy.ONE_FOR_ALL, max_restarts=MANY)
    fail(supervisor)
    supervisor.exited("l")
    assert comes_back(supervisor.state, "a")
    assert supervisor.timed_out("l") == ()
    assert supervisor.exited("a", Shutdown()) == (backs_off(1.0, 2, "a"), Start(A, 3))


def test_temporary_children_of_the_group_do_not_wait() -> None:
    supervisor = waiting(L, replace(B, restart=Restart.TEMPORARY), strategy=Strategy.ONE_FOR_ALL)
    assert [row.id for row in rows(supervisor)] == ["l"]


def test_the_restart_of_an_earlier_one_takes_those_after_it_along() -> None:
    supervisor = waiting(A, L, strategy=Strategy.REST_FOR_ONE)
    assert supervisor.exited("a") == (
        Emit(Restarting("a", Killed(), 3)),
        CancelTimer("l"),
        Start(A, 2),
    )
    assert supervisor.hear(TimedOut("l", 2)) == ()
    assert supervisor.started("a") == (Start(L, 3),)


# ---- requests ------------------------------------------------------------------------------------


def rows(supervisor: Machine) -> tuple[ChildRow, ...]:
    (reply,) = supervisor.ask(9, WhichChildren())
    assert isinstance(reply, SendReply)
    assert isinstance(reply.answer, Children)
    return reply.answer.rows


def test_restart_child_starts_it_at_once_and_forgets_that_it_failed() -> None:
    supervisor = waiting(L)
    assert rows(supervisor) == (ChildRow("l", "backoff", "worker", 2),)
    assert supervisor.ask(1, RestartChild("l")) == (CancelTimer("l"), Start(L, 3))
    assert supervisor.started("l") == (SendReply(1, Done("l", 3)),)
    assert supervisor.hear(TimedOut("l", 2)) == ()
    assert supervisor.exited("l")[-1] == Start(L, 4)


def test_restart_child_of_one_that_waits_with_others_starts_them_all() -> None:
    supervisor = waiting(L, A, strategy=Strategy.REST_FOR_ONE)
    assert supervisor.ask(1, RestartChild("a")) == (CancelTimer("l"), Start(L, 3))
    assert supervisor.started("l") == (Start(A, 3),)
    assert supervisor.started("a") == (SendReply(1, Done("a", 3)),)


def test_a_start_on_request_that_fails_is_told_and_the_child_waits_again() -> None:
    supervisor = waiting(L, A, strategy=Strategy.REST_FOR_ONE)
    supervisor.ask(1, RestartChild("l"))
    assert supervisor.failed("l") == (
        SetTimer("l", 3, 1.0),
        Emit(BackingOff("l", BROKEN, 1.0, 2, None, "l")),
        Emit(BackingOff("a", BROKEN, 1.0, 2, None, "l")),
        SendReply(1, NotStarted(BROKEN)),
    )


def test_terminate_child_ends_the_wait_of_the_whole_group() -> None:
    supervisor = waiting(L, A, strategy=Strategy.REST_FOR_ONE)
    assert supervisor.ask(1, TerminateChild("l")) == (
        Emit(StaysDown("l")),
        CancelTimer("l"),
        Emit(StaysDown("a")),
        SendReply(1, Done("l")),
    )
    assert supervisor.timed_out("l") == ()
    assert [row.state for row in rows(supervisor)] == ["undefined", "undefined"]


def test_what_else_may_be_asked_of_one_that_waits() -> None:
    supervisor = waiting(L)
    assert supervisor.ask(1, DeleteChild("l")) == (SendReply(1, Denied("restarting")),)
    assert supervisor.ask(2, StartChild(L)) == (SendReply(2, Denied("already_present")),)


def test_a_stop_does_not_wait_for_it() -> None:
    assert waiting(L).hear(StopAsked()) == (CancelTimer("l"), GiveUp(Shutdown()))


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_a_stop_while_the_group_stops(strategy: Strategy) -> None:
    supervisor = running(L, A, strategy=strategy, max_restarts=MANY)
    fail(supervisor)
    supervisor.exited("l")
    assert supervisor.hear(StopAsked()) == ()
    assert supervisor.exited("a", Shutdown()) == (CancelTimer("l"), GiveUp(Shutdown()))


def test_a_dynamic_supervisor_keeps_one_that_waits() -> None:
    supervisor = Machine(strategy=Strategy.DYNAMIC, max_restarts=MANY)
    supervisor.hear(BootAsked())
    supervisor.ask(1, StartChild(L))
    supervisor.started("l")
    for _ in range(2):
        supervisor.exited("l")
        supervisor.started("l")
    assert [row.state for row in rows(supervisor)] == ["backoff"]
    supervisor.ask(1, TerminateChild("l"))
    assert rows(supervisor) == ()


# ---- the boot ------------------------------------------------------------------------------------


def test_a_first_start_that_fails_is_tried_again_after_the_boot() -> None:
    supervisor = Machine(L, A)
    supervisor.hear(BootAsked())
    assert supervisor.failed("l") == (Start(A, 1),)
    assert supervisor.started("a") == (Up(), Emit(Restarting("l", BROKEN, 1)), Start(L, 2))
    assert supervisor.failed("l")[0] == SetTimer("l", 2, 1.0)


def test_those_that_need_it_are_started_after_it() -> None:
    supervisor = Machine(A, L, B, strategy=Strategy.REST_FOR_ONE)
    supervisor.hear(BootAsked())
    supervisor.started("a")
    assert supervisor.failed("l") == (Up(), Emit(Restarting("l", BROKEN, 1)), Start(L, 2))
    assert supervisor.started("l") == (Start(B, 1),)


def test_a_first_start_without_it_fails_the_boot_as_before() -> None:
    supervisor = Machine(L, A)
    supervisor.hear(BootAsked())
    supervisor.failed("l")
    assert supervisor.failed("a") == (GiveUp(FailedToStartChild("a", BROKEN)),)
