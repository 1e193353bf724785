"""Both ends of the memory that large values lie in, here in one process."""

import os
import pickle
from array import array
from collections.abc import Iterator
from typing import Any

import pytest

from otpy.errors import FrameTooLarge, ProtocolError
from otpy.links.shm import CAPACITY, KEPT, RingReader, RingWriter
from otpy.system.descriptor import Descriptor, close_all, pipe
from otpy.system.shared_memory import identity, make_memory
from otpy.wire import peer
from otpy.wire.frames import HEADER, Content, LargeFrame
from otpy.wire.shm_ring import ShmBody, ShmOffer
from tests.support.peer_workers import Buffer
from tests.support.processes import descriptors


def framed(value: object) -> LargeFrame:
    frame = peer.peer_frame(peer.CAST, 0, value)
    assert isinstance(frame, LargeFrame)
    return frame


def value_of(body: Content) -> Any:
    _, _, value = peer.peer_message(body)
    return value


def told(frame: bytes) -> Any:
    """Read the small frame that tells of a large one."""
    return value_of(frame[HEADER.size :])


class Ends:
    """A ring whose offer was accepted."""

    def __init__(self) -> None:
        self.ours, self.theirs = RingWriter(), RingReader()
        self.spaces = 0
        self.theirs.accept_offer(self.offer())

    def has_space(self) -> None:
        """Count how often this end is told that there is room."""
        self.spaces += 1

    def offer(self) -> ShmOffer:
        """Send what is large until there is an offer with it."""
        some = framed(bytes(1 << 17))
        second = self.ours.write(some)
        assert isinstance(second, LargeFrame)
        assert second.pieces[1:] == some.pieces
        assert len(second) == len(second.pieces[0]) + len(some)
        offer = second.pieces[0]
        assert isinstance(offer, bytes)
        return ShmOffer(*told(offer))

    def write(self, value: object, *, commit: bool = True) -> ShmBody | None:
        """Write a value; None if there is no room."""
        frame = self.ours.write(framed(value))
        if frame is None:
            return None
        assert isinstance(frame, bytes), "it was not written"
        if commit:
            self.ours.commit()
        return ShmBody(*told(frame))

    def read(self, span: ShmBody) -> Any:
        """Read a value and give its place back."""
        with self.theirs.body(span, self.has_space) as body:
            return value_of(body)


@pytest.fixture
def ends() -> Iterator[Ends]:
    before = descriptors(os.getpid())
    ends = Ends()
    yield ends
    del ends.ours, ends.theirs
    assert descriptors(os.getpid()) == before


def values(size: int) -> dict[str, Any]:
    """Make a value of each kind, of about that size."""
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    return {
        "bytes": content,
        "bytearray": bytearray(content),
        "array": array("H", content[: size & ~1]),
        "buffer": Buffer(content),
        "string": content.decode("latin-1"),
        "integers": list(range(size // 2)),
        "mixture": ("put", content, 1, array("b", content), Buffer(content), array("b", content)),
        "read-only": pickle.PickleBuffer(content),
    }


@pytest.mark.parametrize("kind", values(256))
@pytest.mark.parametrize("size", [(1 << 16) + 300, 1 << 20])
def test_every_kind_of_value_is_read_as_it_was_laid(ends: Ends, kind: str, size: int) -> None:
    for _ in range(20):
        value = values(size)[kind]
        span = ends.write(value)
        assert span is not None
        read = ends.read(span)
        if kind == "read-only":
            assert bytes(read) == bytes(value)
        else:
            assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize("kind", ["array", "buffer", "mixture", "read-only", "bytearray"])
def test_what_was_read_stays_whatever_is_laid_later(ends: Ends, kind: str) -> None:
    value = values(1 << 17)[kind]
    span = ends.write(value)
    assert span is not None
    read = ends.read(span)
    other = ends.write(bytes(4 << 20))
    assert other is not None
    assert (other.start - span.start) % CAPACITY == 0
    assert read == value or bytes(read) == bytes(value)


def test_what_is_made_of_a_value_may_be_changed(ends: Ends) -> None:
    span = ends.write(Buffer(1 << 17))
    assert span is not None
    read = ends.read(span)
    read[:] = b"x" * len(read)
    assert read == b"x" * (1 << 17)


def shared_kib() -> int:
    """Read how much of the memory that two ends share is really there."""
    with open("/proc/self/smaps_rollup") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("Pss_Shmem:"))


@pytest.mark.parametrize("kind", ["bytes", "buffer"])
@pytest.mark.parametrize("size", [KEPT - 4096, KEPT, KEPT + 1, 9 << 20, 33 << 20])
def test_around_what_is_kept_values_are_read_as_they_were_written(
    ends: Ends, kind: str, size: int
) -> None:
    for _ in range(2):
        value = values(size)[kind]
        span = ends.write(value)
        assert span is not None
        assert ends.read(span) == value
    small = ends.write(b"x" * (1 << 17))
    assert small is not None
    assert ends.read(small) == b"x" * (1 << 17)


def test_the_memory_of_what_is_larger_is_given_back_once_it_is_read(ends: Ends) -> None:
    before = shared_kib()
    for size in (40 << 20, (12 << 20) + 5, 64 << 10, 63 << 20):
        span = ends.write(bytes(size + 1))
        assert span is not None
        assert shared_kib() - before >= size >> 10
        ends.read(span)
        assert shared_kib() - before <= (KEPT >> 10) + 8


def test_it_holds_the_largest_frame(ends: Ends) -> None:
    head = framed(bytes(CAPACITY >> 1)).body_size - (CAPACITY >> 1)
    whole = bytes(CAPACITY - head)
    for _ in range(2):
        span = ends.write(whole)
        assert span is not None
        assert span.size == CAPACITY
        assert ends.write(bytes(1 << 17)) is None
        assert ends.read(span) == whole
    with pytest.raises(FrameTooLarge):
        framed(whole + b"x")


def test_who_waits_for_room_is_told_once(ends: Ends) -> None:
    value = bytes(1 << 20)
    span: list[ShmBody] = []
    while (one := ends.write(value)) is not None:
        span.append(one)
    assert len(span) == 3
    assert ends.ours.request_space(framed(value))
    for one in span:
        ends.read(one)
    assert ends.spaces == 1
    assert not ends.ours.request_space(framed(value))
    assert ends.write(value) is not None


def test_what_was_taken_back_leaves_its_room(ends: Ends) -> None:
    for _ in range(100):
        assert ends.write(bytes(3 << 20), commit=False) is not None
        ends.ours.rollback()
        ends.ours.rollback()
    first, second = ends.write(b"1" * (3 << 20)), ends.write(b"2" * (3 << 20))
    assert first is not None
    assert second is not None
    assert ends.read(first)[:1] == b"1"
    assert ends.read(second)[:1] == b"2"


def test_a_value_that_cannot_be_read_leaves_its_room(ends: Ends) -> None:
    for _ in range(100):
        span = ends.write([bytes(1 << 20), Unreadable()])
        assert span is not None
        assert isinstance(read := ends.read(span), peer.Unreadable)
        assert "not here" in str(read.error)


class Unreadable:
    """Is pickled, and cannot be unpickled."""

    nbytes = 1 << 20

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    raise ValueError("not here")


@pytest.mark.parametrize(
    "span", [ShmBody(-1, 10), ShmBody(0, CAPACITY + 1), ShmBody(CAPACITY - 64, 65), ShmBody(0, -1)]
)
def test_nothing_is_read_outside(ends: Ends, span: ShmBody) -> None:
    with ends.theirs.body(ShmBody(0, CAPACITY), ends.has_space) as body:
        assert len(body) == CAPACITY
    with pytest.raises(ProtocolError, match="nothing lies"):
        ends.read(span)


def test_nothing_is_read_before_an_offer() -> None:
    with pytest.raises(ProtocolError, match="nothing lies"):
        RingReader().body(ShmBody(0, 10), print).__enter__()


def test_an_offer_is_made_until_it_is_taken_up_and_taken_up_once() -> None:
    ours, theirs = RingWriter(), RingReader()
    some = framed(bytes(1 << 17))
    offers = [ours.write(some) for _ in range(5)]
    assert len({frame.pieces[0] for frame in offers if isinstance(frame, LargeFrame)}) == 1
    assert isinstance(offers[0], LargeFrame)
    first = offers[0].pieces[0]
    assert isinstance(first, bytes)
    theirs.accept_offer(ShmOffer(*told(first)))
    frame = ours.write(some)
    assert isinstance(frame, bytes)
    theirs.accept_offer(ShmOffer(*told(first)))  # the descriptor has gone by now
    span = ShmBody(*told(frame))
    with theirs.body(span, print) as body:
        assert value_of(body) == bytes(1 << 17)


@pytest.mark.parametrize("wrong", ["pid", "descriptor", "inode", "pipe", "unsealed"])
def test_an_offer_that_cannot_be_taken_up_is_not(wrong: str) -> None:
    ours, theirs = RingWriter(), RingReader()
    some = framed(bytes(1 << 17))
    frame = ours.write(some)
    assert isinstance(frame, LargeFrame)
    first = frame.pieces[0]
    assert isinstance(first, bytes)
    offer = ShmOffer(*told(first))
    read, write = pipe()
    unsealed = Descriptor(os.memfd_create("unsealed"))
    os.ftruncate(unsealed.fileno(), 16 << 20)
    try:
        match wrong:
            case "pid":
                offer = offer._replace(pid=2**22 + 1)
            case "descriptor":
                offer = offer._replace(fd=10**6)
            case "inode":
                offer = offer._replace(inode=offer.inode + 1)
            case "pipe":
                offer = ShmOffer(os.getpid(), read.fileno(), *identity(read))
            case "unsealed":
                offer = ShmOffer(os.getpid(), unsealed.fileno(), *identity(unsealed))
        theirs.accept_offer(offer)
    finally:
        close_all((read, write, unsealed))
    again = ours.write(some)
    assert isinstance(again, LargeFrame)  # by the pipe, as before
    with pytest.raises(ProtocolError):
        theirs.body(ShmBody(0, 10), print).__enter__()


def test_the_memory_cannot_be_cut_off() -> None:
    memory, _ = make_memory("test", 1 << 20)
    with memory:
        for size in (0, 2 << 20):
            with pytest.raises(PermissionError):
                os.ftruncate(memory.fileno(), size)
