"""Which life of a child is meant: numbers go on, and messages about an earlier one are void."""

import pytest

from otpy.core.exits import Killed, Normal, Shutdown
from otpy.core.messages import (
    Added,
    BootAsked,
    DeleteChild,
    Emit,
    Event,
    Exited,
    Ignored,
    Restarting,
    Start,
    StartChild,
    Started,
    StartFailure,
    TerminateChild,
    TimedOut,
)
from otpy.core.spec import Restart
from tests.core.machine import BROKEN, A, B, Machine, child, running


def news_of(id_: str, incarnation: int) -> list[Event]:
    return [
        Started(id_, incarnation),
        Ignored(id_, incarnation),
        StartFailure(id_, incarnation, BROKEN),
        Exited(id_, incarnation, Killed()),
        TimedOut(id_, incarnation),
    ]


@pytest.mark.parametrize("event", news_of("a", 1))
def test_news_of_an_earlier_life_is_void(event: Event) -> None:
    supervisor = running(A)
    supervisor.exited("a")
    starting = supervisor.state
    assert supervisor.hear(event) == ()
    assert supervisor.state == starting
    supervisor.started("a")
    up = supervisor.state
    assert supervisor.hear(event) == ()
    assert supervisor.state == up


@pytest.mark.parametrize("event", news_of("a", 1))
def test_news_of_a_child_without_a_process_is_void(event: Event) -> None:
    supervisor = running(child("a", Restart.TRANSIENT))
    supervisor.exited("a", Normal())
    down = supervisor.state
    assert supervisor.hear(event) == ()
    assert supervisor.state == down


@pytest.mark.parametrize("event", news_of("z", 1))
def test_news_of_an_unknown_child_is_void(event: Event) -> None:
    supervisor = running(A)
    up = supervisor.state
    assert supervisor.hear(event) == ()
    assert supervisor.state == up


def test_an_end_that_is_told_twice_is_one_end() -> None:
    supervisor = running(A, B)
    supervisor.exited("a")
    supervisor.exited("b")
    assert supervisor.exited("b") == ()
    assert supervisor.started("a") == (Emit(Restarting("b", Killed(), 2)), Start(B, 2))
    assert supervisor.started("b") == ()


def test_an_end_before_the_word_that_it_is_up_is_a_failed_start() -> None:
    supervisor = running(A)
    supervisor.exited("a")
    assert supervisor.exited("a") == (Emit(Restarting("a", Killed(), 2)), Start(A, 3))


def test_numbers_go_on_after_delete_child_and_start_child() -> None:
    supervisor = running(A)
    supervisor.ask(1, TerminateChild("a"))
    supervisor.exited("a", Shutdown())
    supervisor.ask(2, DeleteChild("a"))
    assert supervisor.ask(3, StartChild(A)) == (Emit(Added(A)), Start(A, 2))


def test_numbers_of_failed_starts_are_not_used_again() -> None:
    supervisor = running()
    supervisor.ask(1, StartChild(A))
    supervisor.failed("a")
    assert supervisor.ask(2, StartChild(A)) == (Emit(Added(A)), Start(A, 2))


def test_numbers_go_on_under_the_next_incarnation_of_the_supervisor() -> None:
    supervisor = Machine(A, B, starts={"a": 4})
    assert supervisor.hear(BootAsked()) == (Start(A, 5),)
    assert supervisor.started("a") == (Start(B, 1),)
    assert [supervisor.incarnation(id_) for id_ in ("a", "b")] == [5, 1]


def test_a_state_is_not_changed_by_what_follows() -> None:
    supervisor = running(A)
    before = supervisor.state
    children, numbers = dict(before.children), before.numbers
    supervisor.exited("a")
    supervisor.started("a")
    assert (dict(before.children), before.numbers) == (children, numbers)
