"""A supervisor whose children come and go (Elixir's dynamic_supervisor.ex)."""

from collections.abc import Mapping

from otpy.core.exits import Killed, Normal, Shutdown
from otpy.core.messages import (
    Added,
    BootAsked,
    ChildCounts,
    CountChildren,
    DeleteChild,
    Denied,
    Done,
    Emit,
    GetChildSpec,
    GiveUp,
    Halt,
    HaltAsked,
    Kill,
    NotStarted,
    Removed,
    RestartChild,
    Restarting,
    Results,
    SendReply,
    SetTimer,
    Start,
    StartChild,
    StartCopy,
    Stop,
    StopAsked,
    TerminateChild,
    TerminateChildren,
    TooManyRestarts,
    Up,
)
from otpy.core.numbers import Numbers
from otpy.core.spec import (
    BRUTAL_KILL,
    INFINITY,
    ChildSpec,
    CommandStart,
    Restart,
    ServerStart,
    Strategy,
)
from otpy.core.state import Availability, availability
from tests.core.machine import BROKEN, A, B, C, Machine, asked_to_stop, child, gave_up_on

TRANSIENT = child("a", Restart.TRANSIENT)


def dynamic(
    *children: ChildSpec,
    max_children: int | None = None,
    max_restarts: int = 3,
    template: ChildSpec | None = None,
    starts: Mapping[str, int] | None = None,
) -> Machine:
    """Make a dynamic supervisor with children that were added, and are up."""
    machine = Machine(
        strategy=Strategy.DYNAMIC,
        max_children=max_children,
        max_restarts=max_restarts,
        template=template,
        starts=starts,
    )
    assert machine.hear(BootAsked()) == (Up(),)
    for number, spec in enumerate(children):
        machine.ask(-number, StartChild(spec))
        machine.started(spec.id)
    return machine


# ---- children come and go ----------------------------------------------------------------------


def test_it_boots_without_children_and_start_child_adds_them() -> None:
    supervisor = dynamic()
    assert supervisor.ask(1, StartChild(A)) == (Emit(Added(A)), Start(A, 1))
    assert supervisor.started("a") == (SendReply(1, Done("a", 1)),)
    assert supervisor.ask(2, GetChildSpec("a")) == (SendReply(2, A),)
    assert supervisor.ask(3, CountChildren()) == (SendReply(3, ChildCounts(1, 1, 0, 1)),)


def test_only_the_child_that_ended_is_restarted() -> None:
    supervisor = dynamic(A, B, C)
    assert supervisor.exited("b") == (Emit(Restarting("b", Killed(), 1)), Start(B, 2))
    assert supervisor.started("b") == ()


def test_a_child_that_is_not_restarted_leaves_no_spec() -> None:
    supervisor = dynamic(TRANSIENT, child("t", Restart.TEMPORARY))
    assert supervisor.exited("a", Normal()) == (Emit(Removed("a")),)
    assert supervisor.exited("t", Killed()) == (Emit(Removed("t")),)
    assert supervisor.ask(1, CountChildren()) == (SendReply(1, ChildCounts(0, 0, 0, 0)),)
    supervisor.ask(2, StartChild(TRANSIENT))
    assert supervisor.started("a") == (SendReply(2, Done("a", 2)),)


def test_a_child_that_ignores_its_start_is_not_kept() -> None:
    supervisor = dynamic()
    supervisor.ask(1, StartChild(A))
    assert supervisor.ignored("a") == (Emit(Removed("a")), SendReply(1, Done("a")))


def test_a_child_that_ignores_its_restart_is_removed() -> None:
    supervisor = dynamic(A)
    supervisor.exited("a")
    assert supervisor.ignored("a") == (Emit(Removed("a")),)
    assert availability(supervisor.state, "a") is Availability.GONE


def test_a_start_that_fails_is_private() -> None:
    supervisor = dynamic(A)
    supervisor.ask(1, StartChild(B))
    assert supervisor.failed("b") == (Emit(Removed("b")), SendReply(1, NotStarted(BROKEN)))


def test_a_restart_that_fails_is_tried_again_until_there_were_too_many() -> None:
    supervisor = dynamic(A, max_restarts=2)
    supervisor.exited("a")
    assert supervisor.failed("a") == (Emit(Restarting("a", BROKEN, 2)), Start(A, 3))
    assert supervisor.failed("a") == (
        Emit(TooManyRestarts("a", BROKEN, 3)),
        gave_up_on("a", BROKEN),
    )


# ---- requests ----------------------------------------------------------------------------------


def test_terminate_child_forgets_the_spec() -> None:
    supervisor = dynamic(A)
    assert supervisor.ask(1, TerminateChild("a")) == asked_to_stop("a")
    assert supervisor.exited("a", Shutdown()) == (Emit(Removed("a")), SendReply(1, Done("a")))
    for request in (TerminateChild("a"), RestartChild("a"), DeleteChild("a"), GetChildSpec("a")):
        assert supervisor.ask(2, request) == (SendReply(2, Denied("not_found")),)


def test_a_child_that_is_there_runs_so_that_restart_and_delete_are_refused() -> None:
    supervisor = dynamic(A)
    assert supervisor.ask(1, RestartChild("a")) == (SendReply(1, Denied("running")),)
    assert supervisor.ask(2, DeleteChild("a")) == (SendReply(2, Denied("running")),)


def test_terminate_child_ends_the_retries_of_a_restart() -> None:
    supervisor = dynamic(A)
    supervisor.exited("a")
    supervisor.ask(1, TerminateChild("a"))
    assert supervisor.failed("a") == (Emit(Removed("a")), SendReply(1, Done("a")))


def test_an_id_is_unique() -> None:
    supervisor = dynamic(A)
    assert supervisor.ask(1, StartChild(A)) == (SendReply(1, Denied("already_started")),)


def test_a_significant_child_is_refused() -> None:
    spec = child("s", Restart.TRANSIENT, significant=True)
    (answer,) = dynamic().ask(1, StartChild(spec))
    assert isinstance(answer, SendReply)
    assert isinstance(answer.answer, Denied)
    assert answer.answer.reason == "bad_combination"


def test_max_children_is_the_limit() -> None:
    supervisor = dynamic(A, B, max_children=2)
    full = Denied("max_children", "2 of 2 children")
    assert supervisor.ask(1, StartChild(C)) == (SendReply(1, full),)
    supervisor.ask(2, TerminateChild("a"))
    supervisor.exited("a", Shutdown())
    assert supervisor.ask(3, StartChild(C)) == (Emit(Added(C)), Start(C, 1))


def test_max_children_of_zero_allows_none() -> None:
    (answer,) = dynamic(max_children=0).ask(1, StartChild(A))
    assert answer == SendReply(1, Denied("max_children", "0 of 0 children"))


def test_max_children_counts_those_that_are_restarting() -> None:
    supervisor = dynamic(A, max_children=1)
    supervisor.exited("a")
    supervisor.ask(1, StartChild(B))
    assert supervisor.started("a") == (SendReply(1, Denied("max_children", "1 of 1 children")),)


# ---- many at once ------------------------------------------------------------------------------


def test_many_are_terminated_at_once_and_answered_together() -> None:
    supervisor = dynamic(A, B, C)
    assert supervisor.ask(1, TerminateChildren(("a", "x", "c"))) == (
        *asked_to_stop("c"),
        *asked_to_stop("a"),
    )
    assert supervisor.exited("a", Shutdown()) == (Emit(Removed("a")),)
    results = Results((Done("a"), Denied("not_found"), Done("c")))
    assert supervisor.exited("c", Killed()) == (Emit(Removed("c")), SendReply(1, results))
    assert supervisor.ask(2, CountChildren()) == (SendReply(2, ChildCounts(1, 1, 0, 1)),)


def test_one_that_is_named_twice_is_stopped_once() -> None:
    supervisor = dynamic(A)
    assert supervisor.ask(1, TerminateChildren(("a", "a"))) == asked_to_stop("a")
    results = Results((Done("a"), Done("a")))
    assert supervisor.exited("a", Shutdown())[-1] == SendReply(1, results)


def test_many_that_are_not_there_are_answered_at_once() -> None:
    nobody = Results((Denied("not_found"),))
    assert dynamic(A).ask(1, TerminateChildren(("x",))) == (SendReply(1, nobody),)
    assert dynamic(A).ask(1, TerminateChildren(())) == (SendReply(1, Results(())),)


def test_a_stop_asks_the_rest_while_many_are_being_terminated() -> None:
    supervisor = dynamic(A, B, C)
    supervisor.ask(1, TerminateChildren(("a", "b")))
    assert supervisor.hear(StopAsked()) == asked_to_stop("c")
    for id_ in "ba":
        supervisor.exited(id_, Shutdown())
    assert supervisor.exited("c", Shutdown())[-1] == GiveUp(Shutdown())


# ---- the end -----------------------------------------------------------------------------------


def test_all_are_asked_to_stop_before_any_is_waited_for() -> None:
    supervisor = dynamic(A, B, C)
    assert supervisor.hear(StopAsked()) == (
        *asked_to_stop("c"),
        *asked_to_stop("b"),
        *asked_to_stop("a"),
    )
    assert supervisor.exited("b", Shutdown()) == (Emit(Removed("b")),)
    assert supervisor.exited("c", Shutdown()) == (Emit(Removed("c")),)
    assert supervisor.exited("a", Shutdown()) == (Emit(Removed("a")), GiveUp(Shutdown()))


def test_each_child_has_its_own_budget() -> None:
    patient, brutal = child("p", shutdown=INFINITY), child("k", shutdown=BRUTAL_KILL)
    supervisor = dynamic(patient, child("slow", shutdown=0.5), brutal)
    assert supervisor.hear(StopAsked()) == (
        Kill("k", 1),
        Stop("slow", 1),
        SetTimer("slow", 1, 0.5),
        Stop("p", 1),
    )
    assert supervisor.timed_out("slow") == (Kill("slow", 1),)
    supervisor.exited("slow", Killed())
    supervisor.exited("k", Killed())
    assert supervisor.exited("p", Shutdown())[-1] == GiveUp(Shutdown())


def test_a_child_that_starts_or_is_restarted_is_stopped_with_the_others() -> None:
    supervisor = dynamic(A, B)
    supervisor.exited("a")
    supervisor.ask(1, StartChild(C))
    assert supervisor.hear(StopAsked()) == (*asked_to_stop("b"), *asked_to_stop("a", 2))
    supervisor.exited("b", Shutdown())
    assert supervisor.failed("a", Shutdown())[-1] == GiveUp(Shutdown())


def test_a_child_that_is_being_terminated_is_not_asked_twice() -> None:
    supervisor = dynamic(A, B)
    supervisor.ask(1, TerminateChild("a"))
    assert supervisor.hear(StopAsked()) == asked_to_stop("b")
    supervisor.exited("a", Shutdown())
    assert supervisor.exited("b", Shutdown())[-1] == GiveUp(Shutdown())


def test_too_many_restarts_stop_the_others_at_once_too() -> None:
    supervisor = dynamic(A, B, C, max_restarts=0)
    assert supervisor.exited("b") == (
        Emit(TooManyRestarts("b", Killed(), 1)),
        *asked_to_stop("c"),
        *asked_to_stop("a"),
    )


def test_a_halt_overtakes_the_stop() -> None:
    supervisor = dynamic(A, B)
    supervisor.hear(StopAsked())
    assert supervisor.hear(HaltAsked()) == (Halt("b", 1), Halt("a", 1))


# ---- a template --------------------------------------------------------------------------------

WORK = ChildSpec("worker", ServerStart("shop:Work", (1,)), Restart.TRANSIENT, 2.0)


def made(id_: str, *args: object) -> ChildSpec:
    return ChildSpec(id_, ServerStart("shop:Work", args), Restart.TRANSIENT, 2.0)


def refusal(supervisor: Machine, request: StartChild | StartCopy) -> str:
    (reply,) = supervisor.ask(99, request)
    assert isinstance(reply, SendReply)
    assert isinstance(reply.answer, Denied)
    assert reply.answer.reason == "bad_combination"
    return reply.answer.detail


def test_arguments_are_added_to_those_of_the_template_and_kept_for_restarts() -> None:
    supervisor = dynamic(template=WORK)
    spec = made("worker-1", 1, 2, "x")
    assert supervisor.ask(1, StartCopy(args=(2, "x"))) == (Emit(Added(spec)), Start(spec, 1))
    assert supervisor.started("worker-1") == (SendReply(1, Done("worker-1", 1)),)
    assert supervisor.exited("worker-1")[-1] == Start(spec, 2)


def test_ids_are_given_once_for_good() -> None:
    supervisor = dynamic(template=WORK)
    for number in (1, 2, 3):
        supervisor.ask(number, StartCopy())
        assert supervisor.started(f"worker-{number}") == (
            SendReply(number, Done(f"worker-{number}", 1)),
        )
    supervisor.exited("worker-3", Normal())
    supervisor.ask(4, StartCopy())
    assert supervisor.started("worker-4") == (SendReply(4, Done("worker-4", 1)),)


def test_ids_that_were_given_by_others_or_in_an_earlier_life_are_passed_over() -> None:
    supervisor = dynamic(template=WORK, starts={"worker-1": 3, "worker-3": 1})
    assert supervisor.ask(1, StartCopy())[-1] == Start(made("worker-4", 1), 1)
    supervisor.started("worker-4")
    supervisor.ask(2, StartCopy("worker-5"))
    supervisor.started("worker-5")
    assert supervisor.ask(3, StartCopy())[-1] == Start(made("worker-6", 1), 1)


def test_an_id_may_be_told_and_is_unique() -> None:
    supervisor = dynamic(template=WORK)
    supervisor.ask(1, StartCopy("mine"))
    assert supervisor.started("mine") == (SendReply(1, Done("mine", 1)),)
    assert supervisor.ask(2, StartCopy("mine")) == (SendReply(2, Denied("already_started")),)


def test_keyword_arguments_go_beside_those_of_the_template() -> None:
    template = ChildSpec("w", ServerStart("shop:Work", kwargs={"size": 1, "name": "a"}))
    supervisor = dynamic(template=template)
    start = ServerStart("shop:Work", kwargs={"size": 2, "name": "a"})
    spec = ChildSpec("w-1", start)
    assert supervisor.ask(1, StartCopy(kwargs={"size": 2}))[-1] == Start(spec, 1)
    supervisor.started("w-1")
    assert refusal(supervisor, StartCopy(args=(1,))) == "positional and keyword arguments together"


def test_the_arguments_of_a_command_are_strings() -> None:
    supervisor = dynamic(template=ChildSpec("job", CommandStart(("sh", "-c"))))
    spec = ChildSpec("job-1", CommandStart(("sh", "-c", "true")))
    assert supervisor.ask(1, StartCopy(args=("true",)))[-1] == Start(spec, 1)
    supervisor.started("job-1")
    for request in (StartCopy(args=(5,)), StartCopy(kwargs={"a": "b"})):
        assert refusal(supervisor, request) == "the arguments of a command are strings"


def test_with_a_template_there_is_no_other_spec_and_without_one_no_copy() -> None:
    assert "made from its template" in refusal(dynamic(template=WORK), StartChild(A))
    assert "no template" in refusal(dynamic(), StartCopy())


def test_max_children_counts_copies() -> None:
    supervisor = dynamic(template=WORK, max_children=1)
    supervisor.ask(1, StartCopy())
    supervisor.started("worker-1")
    full = Denied("max_children", "1 of 1 children")
    assert supervisor.ask(2, StartCopy()) == (SendReply(2, full),)


def test_nothing_is_remembered_of_an_id_that_is_given_once() -> None:
    machine = dynamic()
    spec = child("task-1", Restart.TEMPORARY)
    machine.ask(1, StartChild(spec, once=True))
    machine.started("task-1")
    assert machine.exited("task-1", Normal()) == (Emit(Removed("task-1", once=True)),)
    assert machine.state.numbers == Numbers()
    machine.ask(2, StartChild(spec, once=True))
    assert Emit(Removed("task-1", once=True)) in machine.failed("task-1")
    assert machine.state.numbers == Numbers()
