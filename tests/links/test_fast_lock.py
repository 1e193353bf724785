"""A mutex that is fast while no other thread wants it."""

import threading
import time

from otpy.links.fast_lock import FastLock
from tests.client.fake_node import WAIT_S
from tests.client.in_threads import Background


def release(lock: FastLock) -> None:
    lock.free.append(None)
    lock.wake()


def test_a_turn_is_taken_by_one_and_given_back() -> None:
    lock = FastLock()
    assert not lock.locked
    assert lock.try_acquire()
    assert lock.locked
    assert not lock.try_acquire()
    release(lock)
    assert lock.acquire(None)


def test_who_waits_has_it_next() -> None:
    lock = FastLock()
    assert lock.try_acquire()
    waits = Background(lambda: lock.acquire(None))
    while not lock.waiting:
        pass
    release(lock)
    assert waits.result() is True
    assert lock.locked
    assert not lock.waiting


def test_nobody_waits_longer_than_to_the_deadline() -> None:
    lock = FastLock()
    assert lock.try_acquire()
    assert not lock.acquire(time.monotonic())
    assert not lock.waiting
    release(lock)
    assert lock.acquire(time.monotonic())


def test_who_gives_up_passes_the_word_on() -> None:
    lock = FastLock()
    assert lock.try_acquire()
    second = Background(lambda: lock.acquire(None))
    while not lock.waiting:
        pass
    # As if it had been woken up, and was then interrupted before it took its lock.
    first = threading.Lock()
    first.acquire()
    lock.waiting.insert(0, first)
    release(lock)
    assert first.acquire(timeout=WAIT_S)
    lock.waiting.remove(first)
    lock.wake()
    assert second.result() is True


def test_one_at_a_time() -> None:
    lock = FastLock()
    count, inside = 0, False

    def work() -> bool:
        nonlocal count, inside
        for _ in range(300):
            assert lock.acquire(None)
            assert not inside
            inside = True
            time.sleep(0)  # gives the others the interpreter
            count, inside = count + 1, False
            release(lock)
        return True

    workers = [Background(work) for _ in range(8)]
    assert [each.result() for each in workers] == [True] * 8
    assert count == 2400
    assert not lock.locked
    assert not lock.waiting
