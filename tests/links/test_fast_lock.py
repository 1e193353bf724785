"""Whose turn it is."""

import threading
import time

from otpy.links.fast_lock import Turn
from tests.client.fake_node import WAIT_S
from tests.client.in_threads import Background


def give_back(turn: Turn) -> None:
    turn.free.append(None)
    turn.wake()


def test_a_turn_is_taken_by_one_and_given_back() -> None:
    turn = Turn()
    assert not turn.taken
    assert turn.take_at_once()
    assert turn.taken
    assert not turn.take_at_once()
    give_back(turn)
    assert turn.take(None)


def test_who_waits_has_it_next() -> None:
    turn = Turn()
    assert turn.take_at_once()
    waits = Background(lambda: turn.take(None))
    while not turn.waiting:
        pass
    give_back(turn)
    assert waits.result() is True
    assert turn.taken
    assert not turn.waiting


def test_nobody_waits_longer_than_to_the_deadline() -> None:
    turn = Turn()
    assert turn.take_at_once()
    assert not turn.take(time.monotonic())
    assert not turn.waiting
    give_back(turn)
    assert turn.take(time.monotonic())


def test_who_gives_up_passes_the_word_on() -> None:
    turn = Turn()
    assert turn.take_at_once()
    second = Background(lambda: turn.take(None))
    while not turn.waiting:
        pass
    # As if it had been woken up, and was then interrupted before it took its turn.
    first = threading.Lock()
    first.acquire()
    turn.waiting.appendleft(first)
    give_back(turn)
    assert first.acquire(timeout=WAIT_S)
    turn.waiting.remove(first)
    turn.wake()
    assert second.result() is True


def test_one_at_a_time() -> None:
    turn = Turn()
    count, inside = 0, False

    def work() -> bool:
        nonlocal count, inside
        for _ in range(300):
            assert turn.take(None)
            assert not inside
            inside = True
            time.sleep(0)  # gives the others the interpreter
            count, inside = count + 1, False
            give_back(turn)
        return True

    workers = [Background(work) for _ in range(8)]
    assert [each.result() for each in workers] == [True] * 8
    assert count == 2400
    assert not turn.taken
    assert not turn.waiting
