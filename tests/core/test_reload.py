"""A supervisor takes over another spec (11.1)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from otpy.core.exits import Killed, Recycled, Shutdown
from otpy.core.messages import (
    Action,
    Added,
    Arranged,
    CancelTimer,
    Denied,
    Emit,
    Exited,
    NotReloaded,
    Reload,
    Reloaded,
    Removed,
    Report,
    Respec,
    Retire,
    SendReply,
    SetTimer,
    Start,
    StartChild,
    StopAsked,
    TerminateChild,
)
from otpy.core.spec import (
    Backoff,
    ChildSpec,
    CommandStart,
    Restart,
    RestartIntensity,
    ServerStart,
    Strategy,
    SupervisorSpec,
)
from otpy.core.state import Availability, Status, availability, comes_back
from tests.core.machine import BROKEN, A, B, C, D, Machine, asked_to_stop, child, running

ActionT = TypeVar("ActionT", bound=Action)
RELOADED = Recycled("reload")
DONE = SendReply(1, Reloaded())


def other(spec: ChildSpec) -> ChildSpec:
    return replace(spec, start=ServerStart("shop:Other"))


def reloading(machine: Machine, *children: ChildSpec, **flags: Any) -> tuple[Action, ...]:
    spec = replace(machine.state.spec, children=children, **flags)
    return machine.ask(1, Reload(spec))


def retired(id_: str, incarnation: int = 1) -> tuple[Action, ...]:
    return (Retire(id_, incarnation, RELOADED), SetTimer(id_, incarnation, 5.0))


def order(machine: Machine) -> list[str]:
    return list(machine.state.children)


def statuses(machine: Machine) -> dict[str, Status]:
    return {id_: one.status for id_, one in machine.state.children.items()}


def only(kind: type[ActionT], actions: Iterable[Action]) -> list[ActionT]:
    return [each for each in actions if isinstance(each, kind)]


# ---- what changes, and what does not -----------------------------------------------------------


def test_nothing_is_done_if_nothing_has_changed() -> None:
    machine = running(A, B)
    assert reloading(machine, A, B) == (DONE,)


def test_only_the_changed_child_is_stopped_and_started_whatever_the_strategy() -> None:
    for strategy in (Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE):
        machine = running(A, B, C, strategy=strategy)
        assert reloading(machine, A, other(B), C) == retired("b")
        assert machine.exited("b", RELOADED) == (Start(other(B), 2),)
        assert machine.started("b") == (DONE,)
        assert machine.state.restarts.times == (), "it does not count"


def test_what_is_live_acts_at_once_and_stops_nobody() -> None:
    machine = running(A, B)
    patient = replace(B, shutdown=30.0)
    done = reloading(machine, A, patient, intensity=RestartIntensity(9, 1.0))
    assert done == (Respec(patient, 1), DONE)
    assert machine.state.spec.intensity == RestartIntensity(9, 1.0)
    assert Start(patient, 2) in machine.exited("b", Killed())


def test_removed_ones_are_stopped_first_the_latest_first_then_new_ones_start_in_order() -> None:
    machine = running(A, B, C)
    assert reloading(machine, D, B, child("e")) == retired("c")
    assert machine.exited("c", RELOADED) == retired("a")
    added = machine.exited("a", RELOADED)
    assert [each.report for each in only(Emit, added)] == [
        *(Removed("a"), Removed("c"), Added(D), Added(child("e"))),
        Arranged(("d", "b", "e")),
    ]
    assert only(Start, added) == [Start(D, 1)]
    assert machine.started("d") == (Start(child("e"), 1),)
    assert machine.started("e") == (DONE,)
    assert order(machine) == ["d", "b", "e"]


def test_one_that_moves_goes_on() -> None:
    machine = running(A, B, C)
    assert reloading(machine, C, A, B) == (Emit(Arranged(("c", "a", "b"))), DONE)
    assert machine.hear(StopAsked()) == asked_to_stop("b")


def test_what_start_child_has_added_is_left_alone_behind_the_others() -> None:
    machine = running(A)
    machine.ask(2, StartChild(C))
    machine.started("c")
    reloading(machine, A, B)
    assert machine.started("b") == (DONE,)
    assert order(machine) == ["a", "b", "c"]
    assert reloading(machine, A, B) == (DONE,)
    assert machine.incarnation("c") == 1


def test_what_was_added_and_is_in_the_file_now_is_taken_over() -> None:
    machine = running(A)
    machine.ask(2, StartChild(C))
    machine.started("c")
    assert reloading(machine, C, A) == (Emit(Arranged(("c", "a"))), DONE)
    assert reloading(machine, A)[:1] == retired("c")[:1], "so it can be removed by the file"


def test_one_that_is_stopped_stays_so_and_starts_with_the_new_spec_when_it_is_asked_to() -> None:
    machine = running(A, B)
    machine.ask(2, TerminateChild("b"))
    machine.exited("b", Shutdown())
    assert reloading(machine, A, other(B)) == (DONE,)
    assert statuses(machine)["b"] is Status.UNDEFINED
    assert machine.state.children["b"].spec == other(B)


def test_a_temporary_child_that_has_ended_stays_away() -> None:
    once = child("b", Restart.TEMPORARY)
    machine = running(A, once)
    machine.exited("b", Killed())
    assert reloading(machine, A, once) == (DONE,)
    assert reloading(machine, A, other(once)) == (DONE,)
    assert order(machine) == ["a"]


def test_a_temporary_child_that_runs_is_compared_with_all_its_arguments() -> None:
    once = replace(child("b", Restart.TEMPORARY), start=ServerStart("shop:Server", (1,)))
    machine = running(A, once, C)
    assert reloading(machine, A, once, C) == (DONE,)
    changed = replace(once, start=ServerStart("shop:Server", (2,)))
    assert reloading(machine, A, changed, C) == retired("b")
    assert Start(changed, 2) in machine.exited("b", RELOADED)
    assert machine.started("b") == (DONE,)
    assert order(machine) == ["a", "b", "c"]


def test_one_in_backoff_that_changes_is_tried_at_once() -> None:
    machine = running(A, B, backoff=Backoff(jitter=0.0))
    a, b = machine.state.spec.children
    machine.exited("b", Killed())
    machine.started("b")
    machine.exited("b", Killed())
    assert statuses(machine)["b"] is Status.BACKOFF
    assert reloading(machine, a, replace(b, shutdown=1.0)) == (DONE,), "it goes on waiting"
    changed = replace(b, start=ServerStart("shop:Other"))
    assert reloading(machine, a, changed) == (CancelTimer("b"), Start(changed, 3))
    assert machine.started("b") == (DONE,)


def test_a_group_that_waits_for_a_removed_child_waits_no_more() -> None:
    machine = running(
        A, B, C, strategy=Strategy.REST_FOR_ONE, backoff=Backoff(jitter=0.0), max_restarts=9
    )
    a, _, c = machine.state.spec.children
    for _ in range(2):
        machine.exited("b", Killed())
        machine.exited("c", Shutdown())
        machine.started("b")
        machine.started("c")
    assert statuses(machine)["c"] is Status.BACKOFF
    asked = reloading(machine, a, c)
    assert [each.spec.id for each in only(Start, asked)] == ["c"]
    assert machine.started("c") == (DONE,)


def test_a_nested_supervisor_goes_on_whatever_changes_below_it() -> None:
    pool = ChildSpec("pool", SupervisorSpec(children=(A,)))
    machine = running(pool)
    wanted = replace(pool, start=SupervisorSpec(children=(A, B)))
    assert reloading(machine, wanted) == (Respec(wanted, 1), DONE)
    assert Start(wanted, 2) in machine.exited("pool", Killed()), "it comes back with the new spec"


def test_one_of_another_kind_is_another_child_in_the_same_place() -> None:
    machine = running(A, B)
    command = replace(A, start=CommandStart(("true",)))
    reloading(machine, command, B)
    done = machine.exited("a", RELOADED)
    reports: list[Report] = [Removed("a"), Added(command), Arranged(("a", "b"))]
    assert done == (*(Emit(each) for each in reports), Start(command, 2))


# ---- when a start fails ------------------------------------------------------------------------


def test_a_new_child_that_fails_puts_everything_back() -> None:
    machine = running(A, B, C)
    reloading(machine, C, other(B), D)
    machine.exited("a", RELOADED)
    machine.exited("b", RELOADED)
    machine.started("b")
    assert only(Start, machine.failed("d")) == [Start(A, 2)]
    assert machine.started("a") == retired("b", 2)
    machine.exited("b", RELOADED)
    done = machine.started("b")
    assert done == (SendReply(1, NotReloaded("d", BROKEN)),)
    assert order(machine) == ["a", "b", "c"]
    assert set(statuses(machine).values()) == {Status.RUNNING}
    assert machine.state.spec.children == (A, B, C)
    assert [one.spec for one in machine.state.children.values()] == [A, B, C]
    assert machine.incarnation("c") == 1, "it had nothing to do with it"


def test_what_was_stopped_before_is_not_started_on_the_way_back() -> None:
    machine = running(A, B)
    machine.ask(2, TerminateChild("a"))
    machine.exited("a", Shutdown())
    reloading(machine, B, C)
    assert machine.failed("c")[-1] == SendReply(1, NotReloaded("c", BROKEN))
    assert statuses(machine) == {"a": Status.UNDEFINED, "b": Status.RUNNING}


def test_an_old_child_that_fails_on_the_way_back_is_tried_again_and_counts() -> None:
    machine = running(A, B)
    reloading(machine, other(A), B)
    machine.exited("a", RELOADED)
    assert only(Start, machine.failed("a")) == [Start(A, 3)]
    again = machine.failed("a")
    assert only(Start, again) == [Start(A, 4)]
    assert machine.started("a") == (SendReply(1, NotReloaded("a", BROKEN)),)
    assert len(machine.state.restarts.times) == 1


def test_one_that_insists_does_not_go_back() -> None:
    machine = running(A, B)
    spec = replace(machine.state.spec, children=(other(A), B, C), max_children=None)
    machine.ask(1, Reload(spec, insists=True, down=("c",)))
    machine.exited("a", RELOADED)
    machine.failed("a")
    assert machine.started("a") == (DONE,)
    assert statuses(machine)["c"] is Status.UNDEFINED


# ---- what else happens meanwhile ---------------------------------------------------------------


def test_the_end_of_another_child_is_served_between_two_steps() -> None:
    machine = running(A, B, C)
    reloading(machine, other(A), B, other(C))
    machine.exited("b", Killed())
    machine.exited("a", RELOADED)
    assert only(Start, machine.started("a")) == [Start(B, 2)]
    assert machine.started("b") == retired("c")
    machine.exited("c", RELOADED)
    assert machine.started("c") == (DONE,)


def test_a_second_one_meanwhile_is_refused() -> None:
    machine = running(A, B)
    reloading(machine, other(A), other(B))
    machine.ask(2, Reload(SupervisorSpec(children=(A,))))
    machine.exited("a", RELOADED)
    denied = only(SendReply, machine.started("a"))
    detail = "it takes over another spec at the moment"
    assert [each.answer for each in denied] == [Denied("reloading", detail)]


def test_one_that_gives_up_meanwhile_ends_and_does_not_answer() -> None:
    machine = running(A, B, C, max_restarts=0)
    reloading(machine, other(A), B, other(C))
    machine.exited("b", Killed())
    machine.exited("a", RELOADED)
    actions = (*machine.started("a"), *machine.exited("c", Shutdown()))
    actions += machine.exited("a", Shutdown())
    assert only(SendReply, actions) == []
    assert machine.state.over


def test_a_stop_meanwhile_stops_all() -> None:
    machine = running(A, B)
    reloading(machine, other(A), B)
    machine.hear(StopAsked())
    machine.exited("a", Shutdown())
    machine.exited("b", Shutdown())
    assert machine.state.over


@pytest.mark.parametrize("is_new", [True, False])
def test_callers_wait_for_a_child_that_is_about_to_be_started(*, is_new: bool) -> None:
    machine = running(A) if is_new else running(A, B)
    reloading(machine, other(A), B if is_new else other(B))
    assert comes_back(machine.state, "a")
    machine.exited("a", RELOADED)
    seen = availability(machine.state, "b")
    assert seen is (Availability.STARTING if is_new else Availability.UP)


def test_old_news_of_a_removed_child_change_nothing() -> None:
    machine = running(A, B)
    reloading(machine, A)
    machine.exited("b", RELOADED)
    assert machine.hear(Exited("b", 1, Killed())) == ()
