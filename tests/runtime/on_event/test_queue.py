"""The events that wait for a handler (10.9)."""

import threading
from collections.abc import Iterator

import pytest

from otpy.core.event_handler import EventHandler
from otpy.events import ChildRemoved, ChildStopped, Event
from otpy.runtime.on_event import queue as queue_module
from otpy.runtime.on_event.queue import HandlerQueue
from tests.support.processes import DEADLINE_S


class Handled:
    """Handles events as it is told to, and notes what was reported."""

    def __init__(self) -> None:
        self.events: list[float] = []
        self.told: list[tuple[str, int]] = []
        self.outcomes: Iterator[str] = iter(())
        self.go_on = threading.Semaphore(0)
        self.busy = threading.Semaphore(0)
        self.ended = threading.Event()

    def handle(self, event: Event) -> str:
        self.busy.release()
        assert self.go_on.acquire(timeout=DEADLINE_S)
        self.events.append(event.at)
        outcome = next(self.outcomes, "")
        if outcome == "raise":
            raise RuntimeError("no")
        return outcome

    def report(self, reason: str, lost: int) -> None:
        self.told.append((reason, lost))

    def finish(self, queue: HandlerQueue) -> None:
        queue.close()
        self.go_on.release(10_000)
        assert self.ended.wait(DEADLINE_S)
        assert queue.has_ended


def event(number: int) -> Event:
    return ChildStopped(at=float(number), path="a")


@pytest.fixture
def handled() -> Handled:
    return Handled()


@pytest.fixture
def queue(handled: Handled) -> HandlerQueue:
    handler = EventHandler(program=("x",), events=("ChildStopped",))
    return HandlerQueue(handler, handled.handle, handled.report, handled.ended.set)


def test_in_order_and_only_what_is_wanted(handled: Handled, queue: HandlerQueue) -> None:
    for number in range(5):
        queue.put(event(number))
        queue.put(ChildRemoved(at=99.0, path="a"))
    handled.finish(queue)
    assert handled.events == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert handled.told == []


def test_a_failure_is_reported_once_until_it_is_over(handled: Handled, queue: HandlerQueue) -> None:
    handled.outcomes = iter(["bad", "bad", "", "worse", "raise", "", "raise"])
    for number in range(7):
        queue.put(event(number))
    handled.finish(queue)
    assert handled.told == [("bad", 0), ("worse", 0), ("RuntimeError: no", 0)]


def test_what_has_no_room_is_counted(
    handled: Handled, queue: HandlerQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And `put` never waits."""
    monkeypatch.setattr(queue_module, "MAX_WAITING", 3)
    queue.put(event(0))
    assert handled.busy.acquire(timeout=DEADLINE_S)
    for number in range(1, 11):
        queue.put(event(number))
    assert queue.waiting == 3
    handled.finish(queue)
    assert handled.events == [0.0, 1.0, 2.0, 3.0]
    assert handled.told == [("it is too slow", 7)]


def test_losses_are_reported_when_they_begin_and_when_they_are_over(
    handled: Handled, queue: HandlerQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with each event: a flood is not to cause as many reports."""
    monkeypatch.setattr(queue_module, "MAX_WAITING", 3)
    for round_ in range(20):
        queue.put(event(round_))
        assert handled.busy.acquire(timeout=DEADLINE_S)
        for number in range(5):
            queue.put(event(100 + number))
        handled.go_on.release()
    handled.finish(queue)
    assert len(handled.told) == 2
    assert sum(lost for _, lost in handled.told) + len(handled.events) == 120
