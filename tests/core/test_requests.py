"""What start_child and its siblings answer (supervisor.erl, ``handle_call``)."""

from dataclasses import replace

from otpy.core.exits import FailedToStartChild, Normal, Shutdown
from otpy.core.messages import (
    Added,
    ChildCounts,
    Children,
    ChildRow,
    CountChildren,
    DeleteChild,
    Denied,
    Done,
    Emit,
    GetChildSpec,
    GetSpec,
    NotStarted,
    Removed,
    RestartChild,
    Results,
    SendReply,
    Start,
    StartChild,
    StopAsked,
    TerminateChild,
    TerminateChildren,
    WhichChildren,
)
from otpy.core.spec import (
    AutoShutdown,
    ChildSpec,
    Restart,
    ServerStart,
    Strategy,
    SupervisorSpec,
)
from tests.core.machine import BROKEN, A, B, C, Machine, asked_to_stop, child, running

POOL = ChildSpec("pool", SupervisorSpec(children=(A,)))
TEMPORARY = child("t", Restart.TEMPORARY)


# ---- start_child -------------------------------------------------------------------------------


def test_start_child_adds_the_spec_at_the_end_and_answers_when_it_is_up() -> None:
    supervisor = running(A)
    assert supervisor.ask(1, StartChild(B)) == (Emit(Added(B)), Start(B, 1))
    assert supervisor.started("b") == (SendReply(1, Done("b", 1)),)
    assert supervisor.hear(StopAsked()) == asked_to_stop("b")


def test_start_child_of_a_present_id_is_refused() -> None:
    supervisor = running(A, B)
    supervisor.ask(1, TerminateChild("b"))
    supervisor.exited("b", Shutdown())
    assert supervisor.ask(2, StartChild(A)) == (SendReply(2, Denied("already_started")),)
    assert supervisor.ask(3, StartChild(B)) == (SendReply(3, Denied("already_present")),)


def test_start_child_that_fails_is_private() -> None:
    supervisor = running(A, strategy=Strategy.ONE_FOR_ALL, max_restarts=0)
    supervisor.ask(1, StartChild(B))
    assert supervisor.failed("b") == (Emit(Removed("b")), SendReply(1, NotStarted(BROKEN)))
    assert supervisor.ask(2, GetChildSpec("b")) == (SendReply(2, Denied("not_found")),)


def test_start_child_of_a_supervisor_that_fails_says_which_child_did() -> None:
    reason = FailedToStartChild("a", BROKEN)
    supervisor = running()
    supervisor.ask(1, StartChild(POOL))
    assert supervisor.failed("pool", reason) == (
        Emit(Removed("pool")),
        SendReply(1, NotStarted(reason)),
    )


def test_start_child_keeps_the_spec_of_a_child_that_ignores() -> None:
    supervisor = running()
    supervisor.ask(1, StartChild(A))
    assert supervisor.ignored("a") == (SendReply(1, Done("a")),)
    assert supervisor.ask(2, GetChildSpec("a")) == (SendReply(2, A),)


def test_start_child_forgets_a_temporary_child_that_ignores() -> None:
    supervisor = running()
    supervisor.ask(1, StartChild(TEMPORARY))
    assert supervisor.ignored("t") == (Emit(Removed("t")), SendReply(1, Done("t")))


def test_start_child_checks_that_significant_fits() -> None:
    significant = child("a", Restart.TRANSIENT, significant=True)
    permanent = child("a", significant=True)
    assert running().ask(1, StartChild(significant)) == (
        SendReply(
            1,
            Denied("bad_combination", "a significant child needs a supervisor with auto_shutdown"),
        ),
    )
    shutting = running(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    assert shutting.ask(1, StartChild(permanent)) == (
        SendReply(1, Denied("bad_combination", "a significant child may not be permanent")),
    )
    assert shutting.ask(2, StartChild(significant)) == (
        Emit(Added(significant)),
        Start(significant, 1),
    )


# ---- terminate_child, restart_child, delete_child ----------------------------------------------


def test_terminate_child_stops_it_and_keeps_its_spec() -> None:
    supervisor = running(A)
    assert supervisor.ask(1, TerminateChild("a")) == asked_to_stop("a")
    assert supervisor.exited("a", Shutdown()) == (SendReply(1, Done("a")),)
    assert supervisor.ask(2, TerminateChild("a")) == (SendReply(2, Done("a")),)
    assert supervisor.ask(3, GetChildSpec("a")) == (SendReply(3, A),)


def test_terminate_child_forgets_a_temporary_child() -> None:
    supervisor = running(TEMPORARY)
    supervisor.ask(1, TerminateChild("t"))
    assert supervisor.exited("t", Shutdown()) == (Emit(Removed("t")), SendReply(1, Done("t")))


def test_restart_child_is_refused_while_it_runs() -> None:
    assert running(A).ask(1, RestartChild("a")) == (SendReply(1, Denied("running")),)


def test_restart_child_that_fails_keeps_the_spec() -> None:
    supervisor = running(child("x", Restart.TRANSIENT), max_restarts=0)
    supervisor.exited("x", Normal())
    supervisor.ask(1, RestartChild("x"))
    assert supervisor.failed("x") == (SendReply(1, NotStarted(BROKEN)),)
    supervisor.ask(2, RestartChild("x"))
    assert supervisor.ignored("x") == (SendReply(2, Done("x")),)
    supervisor.ask(3, RestartChild("x"))
    assert supervisor.started("x") == (SendReply(3, Done("x", 4)),)


def test_restarts_by_hand_are_free() -> None:
    supervisor = running(A, strategy=Strategy.ONE_FOR_ALL, max_restarts=0)
    for life in range(1, 6):
        supervisor.ask(1, TerminateChild("a"))
        supervisor.exited("a", Shutdown())
        assert supervisor.ask(2, RestartChild("a")) == (Start(A, life + 1),)
        assert supervisor.started("a") == (SendReply(2, Done("a", life + 1)),)


def test_delete_child_forgets_a_stopped_child_only() -> None:
    supervisor = running(A)
    assert supervisor.ask(1, DeleteChild("a")) == (SendReply(1, Denied("running")),)
    supervisor.ask(2, TerminateChild("a"))
    supervisor.exited("a", Shutdown())
    assert supervisor.ask(3, DeleteChild("a")) == (Emit(Removed("a")), SendReply(3, Done("a")))
    assert supervisor.ask(4, DeleteChild("a")) == (SendReply(4, Denied("not_found")),)


def test_restart_child_keeps_the_place_and_a_new_start_child_goes_to_the_end() -> None:
    supervisor = running(A, B, C)
    for id_ in "ab":
        supervisor.ask(1, TerminateChild(id_))
        supervisor.exited(id_, Shutdown())
    supervisor.ask(2, RestartChild("b"))
    supervisor.started("b")
    supervisor.ask(3, DeleteChild("a"))
    supervisor.ask(4, StartChild(A))
    supervisor.started("a")
    assert supervisor.ask(5, WhichChildren()) == (
        SendReply(
            5,
            Children(
                (
                    ChildRow("a", "running", "worker", 2),
                    ChildRow("c", "running", "worker", 1),
                    ChildRow("b", "running", "worker", 2),
                )
            ),
        ),
    )


def test_nothing_is_found_under_an_unknown_id() -> None:
    supervisor = running(A)
    for request in (
        TerminateChild("z"),
        RestartChild("z"),
        DeleteChild("z"),
        GetChildSpec("z"),
    ):
        assert supervisor.ask(1, request) == (SendReply(1, Denied("not_found")),)


# ---- which_children, count_children ------------------------------------------------------------


def test_count_children_counts_supervisors_alive_or_not() -> None:
    supervisor = running(A, POOL)
    supervisor.ask(1, TerminateChild("pool"))
    supervisor.exited("pool", Shutdown())
    assert supervisor.ask(2, CountChildren()) == (
        SendReply(2, ChildCounts(specs=2, active=1, supervisors=1, workers=1)),
    )


def test_a_child_whose_end_waits_in_the_mailbox_is_listed_but_not_active() -> None:
    # As in OTP: its pid is still in the list, but no longer alive.
    supervisor = running(A, B)
    supervisor.ask(1, TerminateChild("b"))
    supervisor.ask(2, WhichChildren())
    supervisor.ask(3, CountChildren())
    supervisor.ask(4, RestartChild("a"))
    supervisor.ask(5, StartChild(A))
    supervisor.exited("a")
    actions = supervisor.exited("b", Shutdown())
    assert actions[:5] == (
        SendReply(1, Done("b")),
        SendReply(
            2,
            Children(
                (ChildRow("b", "undefined", "worker", 1), ChildRow("a", "running", "worker", 1))
            ),
        ),
        SendReply(3, ChildCounts(specs=2, active=0, supervisors=0, workers=2)),
        SendReply(4, Denied("running")),
        SendReply(5, Denied("already_started")),
    )


def test_requests_are_served_in_the_order_they_came() -> None:
    supervisor = running()
    supervisor.ask(1, StartChild(A))
    supervisor.ask(2, StartChild(B))
    supervisor.ask(3, CountChildren())
    assert supervisor.started("a") == (SendReply(1, Done("a", 1)), Emit(Added(B)), Start(B, 1))
    assert supervisor.started("b") == (
        SendReply(2, Done("b", 1)),
        SendReply(3, ChildCounts(specs=2, active=2, supervisors=0, workers=2)),
    )


# ---- terminate_children ------------------------------------------------------------------------


def test_terminate_children_stops_one_after_another_latest_first() -> None:
    supervisor = running(A, B, C)
    assert supervisor.ask(1, TerminateChildren(("a", "c", "x"))) == asked_to_stop("c")
    assert supervisor.exited("c", Shutdown()) == asked_to_stop("a")
    results = Results((Done("a"), Done("c"), Denied("not_found")))
    assert supervisor.exited("a", Shutdown()) == (SendReply(1, results),)


# ---- the supervisor's own spec -----------------------------------------------------------------


def spec_of(supervisor: Machine) -> SupervisorSpec:
    (reply,) = supervisor.ask(9, GetSpec())
    assert isinstance(reply, SendReply)
    assert isinstance(reply.answer, SupervisorSpec)
    return reply.answer


def test_its_own_spec_is_what_it_was_started_with() -> None:
    assert spec_of(running(A, B)) == running(A, B).state.spec


def test_its_own_spec_has_the_children_that_have_ended_and_all_of_their_arguments() -> None:
    ended = replace(TEMPORARY, start=ServerStart("m:f", (1,)))
    supervisor = running(A, ended)
    supervisor.exited("t", Normal())
    assert spec_of(supervisor).children == (A, ended)


def test_its_own_spec_lacks_a_child_that_was_deleted() -> None:
    supervisor = running(A, B)
    supervisor.ask(1, TerminateChild("b"))
    supervisor.exited("b", Shutdown())
    assert spec_of(supervisor).children == (A, B)
    supervisor.ask(2, DeleteChild("b"))
    assert spec_of(supervisor).children == (A,)


def test_its_own_spec_says_which_children_were_added_by_hand() -> None:
    supervisor = running(A)
    supervisor.ask(1, StartChild(B))
    supervisor.started("b")
    assert [(each.id, each.by_hand) for each in spec_of(supervisor).children] == [
        ("a", False),
        ("b", True),
    ]


def test_a_child_that_was_added_by_hand_stands_once_in_it() -> None:
    supervisor = running(A, TEMPORARY)
    supervisor.exited("t", Normal())
    supervisor.ask(1, StartChild(child("t")))
    supervisor.started("t")
    assert [(each.id, each.by_hand) for each in spec_of(supervisor).children] == [
        ("a", False),
        ("t", True),
    ]


def test_a_dynamic_supervisor_has_no_children_in_its_spec() -> None:
    supervisor = running(strategy=Strategy.DYNAMIC)
    supervisor.ask(1, StartChild(A))
    supervisor.started("a")
    assert spec_of(supervisor).children == ()


def test_its_own_spec_is_told_while_a_child_starts() -> None:
    supervisor = running(A)
    supervisor.ask(1, StartChild(B))
    assert [each.id for each in spec_of(supervisor).children] == ["a", "b"]
