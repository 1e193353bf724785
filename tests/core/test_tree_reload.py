"""In which order the supervisors of a tree are asked, and what follows from answers (11.1)."""

from collections.abc import Callable, Generator
from dataclasses import replace

import pytest

from otpy.core.exits import Raised
from otpy.core.messages import GetSpec, NotReloaded, Reload, Reloaded
from otpy.core.spec import ChildSpec, Strategy, SupervisorSpec
from otpy.core.tree_reload import (
    Asked,
    Lost,
    NotThere,
    Outcome,
    Reply,
    TreeNotReloaded,
    TreeReloaded,
    Way,
    reload_tree,
    running_spec,
    without_added,
)
from tests.core.machine import A, B, C, D, child

WHY = Raised("ValueError: no")


def supervisor(*children: ChildSpec) -> SupervisorSpec:
    return SupervisorSpec(children=children)


def tree(*below: ChildSpec) -> SupervisorSpec:
    return supervisor(A, ChildSpec("pool", supervisor(*below)))


OLD, NEW = tree(B), tree(C)
POOL = ("pool",)


def run(
    old: SupervisorSpec, new: SupervisorSpec, answer: Callable[[int, Asked], Reply]
) -> tuple[list[Asked], Outcome]:
    steps, asked = reload_tree(old, new), []
    request = next(steps)
    while True:
        asked.append(request)
        try:
            request = steps.send(answer(len(asked), request))
        except StopIteration as end:
            outcome: Outcome = end.value
            return asked, outcome


def done(_number: int, _asked: Asked) -> Reply:
    return Reloaded()


def requests(asked: list[Asked]) -> list[tuple[Way, Reload | GetSpec]]:
    return [(each.way, each.request) for each in asked]


def test_each_takes_over_what_is_its_own_and_then_all_of_it() -> None:
    asked, outcome = run(OLD, NEW, done)
    assert outcome == TreeReloaded()
    assert requests(asked) == [
        ((), Reload(OLD)),  # which keeps what is below the pool
        (POOL, Reload(supervisor(C))),
        ((), Reload(NEW)),
        (POOL, Reload(supervisor(C))),
    ]


def test_what_does_not_change_is_not_asked() -> None:
    asked, _ = run(OLD, replace(OLD, children=(D, *OLD.children)), done)
    assert {each.way for each in asked} == {()}


def test_a_supervisor_that_is_made_anew_is_not_asked() -> None:
    dynamic = ChildSpec("pool", SupervisorSpec(Strategy.DYNAMIC))
    asked, _ = run(OLD, supervisor(A, dynamic), done)
    assert requests(asked) == [((), Reload(supervisor(A, dynamic)))] * 2


def test_a_failure_puts_all_back_and_names_the_child() -> None:
    def answer(number: int, _asked: Asked) -> Reply:
        if number == 2:
            return NotReloaded("c", WHY)
        return Reloaded(("x",) if number == 1 else ())

    asked, outcome = run(OLD, NEW, answer)
    assert outcome == TreeNotReloaded(("pool", "c"), str(WHY))
    assert requests(asked)[2:] == [
        (POOL, Reload(supervisor(B), insists=True)),
        ((), Reload(OLD, insists=True, down=("x",))),
    ]


def test_one_that_was_killed_is_asked_again() -> None:
    asked, outcome = run(OLD, NEW, lambda number, _: Lost("killed") if number == 2 else Reloaded())
    assert outcome == TreeReloaded()
    assert [each.way for each in asked] == [(), POOL, POOL, (), POOL]


def test_one_that_is_killed_again_and_again_is_given_up() -> None:
    asked, outcome = run(
        OLD, NEW, lambda _, each: Lost("killed") if each.way == POOL else Reloaded()
    )
    assert outcome == TreeNotReloaded((), "'pool' ended: killed")
    assert asked[-1] == Asked((), Reload(OLD, insists=True))


def test_one_that_does_not_run_gets_its_spec_from_above() -> None:
    _, outcome = run(OLD, NEW, lambda _, each: NotThere() if each.way == POOL else Reloaded())
    assert outcome == TreeReloaded()


def returned(steps: Generator[Asked, Reply, SupervisorSpec], reply: Reply) -> SupervisorSpec:
    with pytest.raises(StopIteration) as end:
        steps.send(reply)
    found: SupervisorSpec = end.value.value
    return found


def test_what_runs_is_asked_of_all_and_known_of_those_that_do_not_run() -> None:
    by_hand = replace(child("x"), by_hand=True)
    steps = running_spec((), OLD)
    assert next(steps) == Asked((), GetSpec())
    assert steps.send(tree(B)) == Asked(POOL, GetSpec())
    found = returned(steps, supervisor(B, by_hand))
    assert found == tree(B, by_hand)
    assert without_added(found) == OLD


def test_of_what_does_not_run_its_own_supervisor_knows_the_spec() -> None:
    steps = running_spec((), OLD)
    next(steps)
    steps.send(NotThere())
    assert returned(steps, NotThere()) == OLD
