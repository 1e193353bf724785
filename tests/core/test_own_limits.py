"""A child with limits of its own takes nobody along when it fails too often."""

from dataclasses import replace

from otpy.core.exits import IntensityReached, Killed, Normal, Shutdown, Stopped
from otpy.core.messages import (
    AutoShutdownBegan,
    BootAsked,
    Children,
    DeleteChild,
    Denied,
    Done,
    Emit,
    Failed,
    GiveUp,
    NotStarted,
    Removed,
    RestartChild,
    Restarting,
    SendReply,
    SetTimer,
    Start,
    StartChild,
    StaysDown,
    StopAsked,
    TerminateChild,
    TooManyRestarts,
    Up,
    WhichChildren,
)
from otpy.core.spec import (
    AutoShutdown,
    Backoff,
    ChildSpec,
    OnGiveUp,
    Restart,
    RestartIntensity,
    Strategy,
    SupervisorSpec,
)
from otpy.core.state import Availability, availability, failure
from tests.core.machine import BROKEN, A, B, C, Machine, asked_to_stop, child, running

ONCE = RestartIntensity(max_restarts=1, max_seconds=10.0)
E = replace(A, id="e", own_intensity=ONCE)  # escalates
F = replace(A, id="f", own_intensity=ONCE, on_give_up=OnGiveUp.STAY_DOWN)


def failed() -> Machine:
    """Make a supervisor of a, f and b, in which f has failed."""
    supervisor = running(A, F, B, max_restarts=0)
    restart_once(supervisor)
    supervisor.exited("f")
    return supervisor


def restart_once(supervisor: Machine) -> None:
    """Let f, and those that its restart takes along, end and come up again."""
    actions = supervisor.exited("f")
    while actions:
        last = actions[-1]
        if isinstance(last, Start):
            actions = supervisor.started(last.spec.id)
        elif isinstance(last, SetTimer):
            actions = supervisor.exited(last.child, Shutdown())


def test_its_restarts_do_not_count_at_its_supervisor_nor_its_siblings_at_it() -> None:
    supervisor = running(E, A, max_restarts=1)
    assert supervisor.exited("e") == (Emit(Restarting("e", Killed(), 1, ONCE)), Start(E, 2))
    supervisor.started("e")
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 1)), Start(A, 2))


def test_above_them_its_supervisor_gives_up() -> None:
    supervisor = running(E, A, max_restarts=9)
    supervisor.exited("e")
    supervisor.started("e")
    assert supervisor.exited("e") == (
        Emit(TooManyRestarts("e", Killed(), 2, ONCE)),
        *asked_to_stop("a"),
    )


def test_or_it_stays_down_and_its_siblings_go_on() -> None:
    supervisor = running(F, A, max_restarts=0)
    supervisor.exited("f")
    supervisor.started("f")
    assert supervisor.exited("f") == (Emit(Failed("f", Killed(), 2, ONCE)),)
    assert availability(supervisor.state, "f") is Availability.FAILED
    assert failure(supervisor.state, "f") == Killed()
    assert availability(supervisor.state, "a") is Availability.UP
    assert failure(supervisor.state, "a") is None
    (reply,) = supervisor.ask(1, WhichChildren())
    assert isinstance(reply, SendReply)
    assert isinstance(reply.answer, Children)
    assert [row.state for row in reply.answer.rows] == ["running", "failed"]


def test_restarts_that_left_the_window_do_not_count() -> None:
    supervisor = running(F)
    for _ in range(10):
        assert isinstance(supervisor.exited("f")[-1], Start)
        supervisor.started("f")
        supervisor.now += 10.1


def test_one_that_ended_well_has_not_failed() -> None:
    supervisor = running(replace(F, restart=Restart.TRANSIENT))
    assert supervisor.exited("f", Normal()) == ()
    assert availability(supervisor.state, "f") is Availability.GONE


def test_restart_child_begins_anew() -> None:
    supervisor = failed()
    assert supervisor.ask(1, RestartChild("f")) == (Start(F, 3),)
    assert availability(supervisor.state, "f") is Availability.STARTING
    assert supervisor.started("f") == (SendReply(1, Done("f", 3)),)
    assert supervisor.exited("f") == (Emit(Restarting("f", Killed(), 1, ONCE)), Start(F, 4))


def test_restart_child_that_fails_leaves_it_as_it_was() -> None:
    supervisor = failed()
    supervisor.ask(1, RestartChild("f"))
    assert supervisor.failed("f") == (
        Emit(Failed("f", BROKEN, 0, ONCE)),
        SendReply(1, NotStarted(BROKEN)),
    )
    assert failure(supervisor.state, "f") == BROKEN


def test_terminate_child_acknowledges_that_it_is_down() -> None:
    supervisor = failed()
    assert supervisor.ask(1, TerminateChild("f")) == (
        Emit(StaysDown("f")),
        SendReply(1, Done("f")),
    )
    assert availability(supervisor.state, "f") is Availability.GONE


def test_its_spec_may_be_deleted_and_is_there_until_then() -> None:
    supervisor = failed()
    assert supervisor.ask(1, StartChild(F)) == (SendReply(1, Denied("already_present")),)
    assert supervisor.ask(2, DeleteChild("f")) == (
        Emit(Removed("f")),
        SendReply(2, Done("f")),
    )


def test_its_group_is_not_stopped_when_it_stays_down() -> None:
    for strategy in (Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE):
        supervisor = running(A, F, B, strategy=strategy, max_restarts=0)
        restart_once(supervisor)
        assert supervisor.exited("f") == (Emit(Failed("f", Killed(), 2, ONCE)),)


def test_its_group_goes_on_without_it_when_its_restart_fails_too_often() -> None:
    supervisor = running(A, F, B, strategy=Strategy.ONE_FOR_ALL, max_restarts=0)
    supervisor.exited("f")
    supervisor.exited("b", Shutdown())
    supervisor.exited("a", Shutdown())
    supervisor.started("a")
    assert supervisor.failed("f") == (Emit(Failed("f", BROKEN, 2, ONCE)), Start(B, 2))
    assert supervisor.started("b") == ()


def test_the_restart_of_a_group_does_not_start_one_that_has_failed() -> None:
    supervisor = running(F, B, strategy=Strategy.ONE_FOR_ALL)
    restart_once(supervisor)
    supervisor.exited("f")
    assert supervisor.exited("b") == (Emit(Restarting("b", Killed(), 1)), Start(B, 3))
    assert availability(supervisor.state, "f") is Availability.FAILED


def test_with_backoff_it_waits_before_it_fails() -> None:
    spec = replace(F, backoff=Backoff(initial=1.0), own_intensity=RestartIntensity(2, 60.0))
    supervisor = running(spec, C, max_restarts=0)
    supervisor.exited("f")
    supervisor.started("f")
    assert supervisor.exited("f")[0] == SetTimer("f", 2, 1.0)
    supervisor.timed_out("f")
    supervisor.started("f")
    assert supervisor.exited("f") == (Emit(Failed("f", Killed(), 3, spec.own_intensity or ONCE)),)


def test_the_boot_goes_on_without_one_that_fails() -> None:
    spec = replace(F, own_intensity=RestartIntensity(0, 5.0))
    supervisor = Machine(spec, A)
    supervisor.hear(BootAsked())
    assert supervisor.failed("f") == (Start(A, 1),)
    assert supervisor.started("a") == (
        Up(),
        Emit(Failed("f", BROKEN, 1, RestartIntensity(0, 5.0))),
    )


def test_its_supervisor_stops_without_it() -> None:
    supervisor = running(F)
    restart_once(supervisor)
    supervisor.exited("f")
    assert supervisor.hear(StopAsked()) == (GiveUp(Shutdown()),)


def test_a_dynamic_supervisor_keeps_one_that_has_failed() -> None:
    supervisor = Machine(strategy=Strategy.DYNAMIC, max_children=1)
    supervisor.hear(BootAsked())
    supervisor.ask(1, StartChild(F))
    supervisor.started("f")
    supervisor.exited("f")
    supervisor.started("f")
    supervisor.exited("f")
    assert supervisor.ask(2, StartChild(A)) == (
        SendReply(2, Denied("max_children", "1 of 1 children")),
    )
    assert Emit(Removed("f")) in supervisor.ask(3, TerminateChild("f"))


def test_a_significant_one_that_failed_has_ended_and_ends_nobody_by_itself() -> None:
    significant = replace(F, restart=Restart.TRANSIENT, significant=True)
    other = child("o", Restart.TRANSIENT, significant=True)
    supervisor = running(significant, other, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    restart_once(supervisor)
    assert supervisor.exited("f") == (Emit(Failed("f", Killed(), 2, ONCE)),)
    assert Emit(AutoShutdownBegan("o")) in supervisor.exited("o", Normal())


# ---- supervisors -------------------------------------------------------------------------------

POOL = SupervisorSpec(intensity=ONCE, children=(C,))
S = ChildSpec("s", POOL, own_intensity=ONCE, on_give_up=OnGiveUp.STAY_DOWN)
GAVE_UP = IntensityReached(child="c", reason=Killed())


def test_a_supervisor_that_gave_up_has_failed_at_once() -> None:
    for restart in (Restart.PERMANENT, Restart.TRANSIENT):
        supervisor = running(replace(S, restart=restart), A, max_restarts=0)
        failure_ = Stopped("gave up on 'c': killed")
        assert supervisor.exited("s", GAVE_UP) == (Emit(Failed("s", failure_, 0, ONCE)),)
        assert availability(supervisor.state, "s") is Availability.FAILED
        assert failure(supervisor.state, "s") == failure_
        assert availability(supervisor.state, "a") is Availability.UP


def test_it_begins_anew_on_request() -> None:
    supervisor = running(S, A, max_restarts=0)
    supervisor.exited("s", GAVE_UP)
    assert supervisor.ask(1, RestartChild("s")) == (Start(S, 2),)
    assert supervisor.started("s") == (SendReply(1, Done("s", 2, "supervisor")),)
    assert supervisor.exited("s") == (Emit(Restarting("s", Killed(), 1, ONCE)), Start(S, 3))


def test_its_other_ends_count_at_itself() -> None:
    supervisor = running(S, A, max_restarts=0)
    supervisor.exited("s")
    supervisor.started("s")
    assert supervisor.exited("s") == (Emit(Failed("s", Killed(), 2, ONCE)),)


def test_its_starts_that_fail_do_not_fail_the_boot() -> None:
    supervisor = Machine(S, A, max_restarts=0)
    supervisor.hear(BootAsked())
    assert supervisor.failed("s") == (Start(A, 1),)
    assert supervisor.started("a") == (Up(), Emit(Restarting("s", BROKEN, 1, ONCE)), Start(S, 2))
    assert supervisor.failed("s") == (Emit(Failed("s", BROKEN, 2, ONCE)),)


def test_its_group_goes_on_when_it_gave_up() -> None:
    for strategy in (Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE):
        supervisor = running(A, S, B, strategy=strategy, max_restarts=0)
        (report,) = supervisor.exited("s", GAVE_UP)
        assert isinstance(report, Emit)
        assert isinstance(report.report, Failed)


def test_one_that_escalates_is_restarted_as_in_otp() -> None:
    plain = ChildSpec("s", POOL)
    supervisor = running(plain, max_restarts=1)
    assert supervisor.exited("s", GAVE_UP) == (Emit(Restarting("s", GAVE_UP, 1)), Start(plain, 2))
    supervisor = running(replace(plain, restart=Restart.TRANSIENT))
    assert supervisor.exited("s", GAVE_UP) == ()
    assert availability(supervisor.state, "s") is Availability.GONE


def test_a_temporary_one_that_gave_up_is_gone() -> None:
    supervisor = running(replace(S, restart=Restart.TEMPORARY), A)
    assert supervisor.exited("s", GAVE_UP) == (Emit(Removed("s")),)


def test_one_that_ends_otherwise_in_good_order_has_not_given_up() -> None:
    supervisor = running(replace(S, restart=Restart.TRANSIENT), A)
    assert supervisor.exited("s", Shutdown()) == ()
    assert availability(supervisor.state, "s") is Availability.GONE
