"""The account of the ring that large bodies lie in."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.wire.shm_ring import Ring, ShmBody, end_of

PAGE = 4096
CAPACITY = 16 * PAGE


class Model:
    """A ring, and what both of its ends know of it."""

    def __init__(self) -> None:
        self.ring = Ring(CAPACITY, CAPACITY)
        self.unread: deque[ShmBody] = deque()
        self.read = 0

    def write(self, size: int) -> ShmBody | None:
        """Write a body, and see that it lies where nobody still reads."""
        span = self.ring.find(size, self.read)
        if span is None:
            return None
        assert span.size == size
        assert end_of(span) % PAGE == 0 == span.start % PAGE
        start = span.start % CAPACITY
        assert start + size <= CAPACITY  # in one piece
        for other in self.unread:
            there = other.start % CAPACITY
            assert start + size <= there or there + other.size <= start
        self.ring.take(span, self.read)
        self.unread.append(span)
        return span

    def read_one(self) -> None:
        """Read the oldest."""
        self.read = end_of(self.unread.popleft())


Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, CAPACITY)),
        st.tuples(st.just("write"), st.integers(1, 3 * PAGE)),
        st.tuples(st.just("read"), st.just(1)),
        st.tuples(st.just("read"), st.just(3)),
        st.tuples(st.just("write and roll back"), st.integers(1, CAPACITY)),
    ),
    max_size=60,
)


@given(steps)
def test_bodies_never_overlap_and_there_is_always_room_in_the_end(did: list[Step]) -> None:
    model = Model()
    for what, number in did:
        if what == "write":
            model.write(number)
        elif what == "read":
            for _ in range(min(number, len(model.unread))):
                model.read_one()
        elif model.write(number) is not None:
            model.ring.rollback()
            model.unread.pop()
    while model.unread:
        model.read_one()
    for _ in range(3):
        assert model.write(CAPACITY) is not None
        model.read_one()


@given(steps, st.integers(1, CAPACITY))
def test_what_is_waited_for_comes_and_there_is_room_then(did: list[Step], size: int) -> None:
    model = Model()
    for what, number in did:
        if what == "write":
            model.write(number)
        elif what == "read" and model.unread:
            model.read_one()
    if model.ring.find(size, model.read) is not None:
        return
    awaited = model.ring.awaited(size, model.read)
    assert model.read < awaited
    while model.read < awaited:
        model.read_one()  # there is something to read until then
    assert model.write(size) is not None


def test_one_body_after_the_other_lies_in_the_same_place() -> None:
    model = Model()
    for _ in range(20):
        span = model.write(5 * PAGE)
        assert span is not None
        assert span.start % CAPACITY == 0
        model.read_one()


@pytest.mark.parametrize(
    ("size", "fit"),
    [(1, 3), (PAGE, 3), (PAGE + 1, 3), (5 * PAGE, 3), (6 * PAGE, 2), (8 * PAGE + 1, 1)],
)
def test_so_many_fit(size: int, fit: int) -> None:
    model = Model()
    for _ in range(2):
        assert [model.write(size) is not None for _ in range(fit + 1)] == [True] * fit + [False]
        while model.unread:
            model.read_one()


def test_bodies_of_a_size_take_turns_in_as_little_memory_as_does() -> None:
    model = Model()
    places = set()
    for _ in range(50):
        while (span := model.write(4 * PAGE - 1)) is not None:
            places.add(span.start % CAPACITY)
        model.read_one()
    assert places == {0, 4 * PAGE, 8 * PAGE}


def test_many_small_bodies_share_an_eighth_of_what_is_used() -> None:
    ring = Ring(CAPACITY * 64, CAPACITY * 8)
    places = set()
    for _ in range(50):
        while (span := ring.find(PAGE, 0)) is not None:
            ring.take(span, 0)
            places.add(span.start)
    assert places == set(range(0, CAPACITY, PAGE))


def test_who_waits_is_told_when_half_of_the_room_is_free() -> None:
    model = Model()
    while model.write(2 * PAGE) is not None:
        pass
    awaited = model.ring.awaited(2 * PAGE, model.read)
    model.read_one()
    assert model.read < awaited
    model.read_one()
    assert model.read >= awaited


def test_a_body_that_is_larger_than_what_is_used_lies_alone_and_at_the_beginning() -> None:
    ring = Ring(CAPACITY * 8, CAPACITY)
    for size in (CAPACITY - 1, CAPACITY, CAPACITY + 1, 2 * CAPACITY, 8 * CAPACITY, 1):
        span = ring.find(size, ring.head)
        assert span is not None
        assert span.start % (CAPACITY * 8) == 0
        read = ring.head
        ring.take(span, read)
        assert ring.find(CAPACITY, read) is None
