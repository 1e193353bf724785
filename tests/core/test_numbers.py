"""Incarnation numbers never go back, and what is remembered for that does not grow (6.5)."""

import tracemalloc
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from otpy.core.exits import Killed, Normal
from otpy.core.messages import Start, StartChild, StartCopy
from otpy.core.numbers import MOST, Numbers
from otpy.core.spec import ChildSpec, Restart, ServerStart, Strategy
from otpy.core.state import new_supervisor
from tests.core.machine import Machine, child
from tests.support.incarnations import numbers_after

WORK = ChildSpec("w", ServerStart("shop:Work"), Restart.TEMPORARY)


def dynamic(template: ChildSpec | None = None) -> Machine:
    return Machine(strategy=Strategy.DYNAMIC, template=template)


def run_through(machine: Machine, request: StartChild | StartCopy) -> tuple[str, int]:
    """Start a child that ends at once; return its id and number."""
    start = machine.ask(1, request)[-1]
    assert isinstance(start, Start)
    machine.started(start.spec.id)
    machine.exited(start.spec.id, Normal())
    return start.spec.id, start.incarnation


def test_a_thousand_names_are_remembered_and_of_the_others_a_bound() -> None:
    numbers = Numbers()
    for number in range(MOST + 2):
        numbers = numbers.with_gone({f"n{number}": 7 if number < 1 else 1})
    assert len(numbers.last) == MOST
    assert numbers.of("n5") == 1
    assert numbers.of("n0") == numbers.of("never heard of") == 7


def test_what_has_gone_again_is_remembered_longer() -> None:
    numbers = Numbers({f"n{number}": 1 for number in range(MOST)}).with_gone({"n0": 2})
    numbers = numbers.with_gone({"new": 1})
    assert numbers.of("n0") == 2
    assert "n1" not in numbers.last


def test_children_under_ever_new_names_leave_nothing_behind() -> None:
    machine = dynamic()
    for number in range(3 * MOST):
        run_through(machine, StartChild(child(f"c{number}", Restart.TEMPORARY)))
    assert len(machine.state.numbers.last) == MOST
    assert not machine.state.children


def test_the_last_of_many_children_take_no_more_memory_than_the_first() -> None:
    """What the interpreter keeps for later counts, too: it is not collected here."""
    machine = dynamic()

    def come_and_go(first: int, count: int) -> None:
        for number in range(first, first + count):
            run_through(machine, StartChild(child(f"c{number}", Restart.TEMPORARY)))

    tracemalloc.start()
    come_and_go(0, 2 * MOST)
    before = tracemalloc.get_traced_memory()[0]
    come_and_go(2 * MOST, 2 * MOST)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 16 << 10


def test_made_ids_are_new_ones_and_begin_with_one() -> None:
    machine = dynamic(WORK)
    told = [run_through(machine, StartCopy()) for _ in range(2 * MOST)]
    assert told == [(f"w-{number}", 1) for number in range(1, 2 * MOST + 1)]
    assert run_through(machine, StartCopy("w-5"))[1] > 1, "one of that id was there before"
    assert run_through(machine, StartCopy()) == (f"w-{2 * MOST + 1}", 1)


@given(
    ids=st.lists(st.integers(0, 6), max_size=60),
    deaths=st.sets(st.integers(0, 60)),
    most=st.integers(1, 4),
)
def test_no_number_is_ever_given_twice_to_one_name(
    ids: list[int], deaths: set[int], most: int
) -> None:
    """However few names are remembered, and however often the supervisor is replaced."""
    machine = dynamic(WORK)
    given_: dict[str, deque[int]] = {}
    for step, number in enumerate(ids):
        if step in deaths:
            known = numbers_after(machine.state)
            kept = dict(list(known.last.items())[-most:])
            lost = [n for id_, n in known.last.items() if id_ not in kept]
            numbers = Numbers(kept, max((known.floor, *lost)))
            machine.state = new_supervisor(machine.state.spec, numbers)
        request = StartCopy() if number == 0 else StartCopy(f"w-{number}")
        id_, incarnation = run_through(machine, request)
        assert incarnation > max(given_.setdefault(id_, deque([0])))
        given_[id_].append(incarnation)


def test_a_child_that_lives_keeps_its_number_however_many_come_and_go() -> None:
    machine = dynamic()
    machine.ask(1, StartChild(child("stays")))
    machine.started("stays")
    for number in range(MOST + 10):
        run_through(machine, StartChild(child(f"c{number}", Restart.TEMPORARY)))
    assert Start(child("stays"), 2) in machine.exited("stays", Killed())
