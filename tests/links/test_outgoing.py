"""One writer at a time, whichever threads send: every interleaving of the steps of two (4.22)."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from select import PIPE_BUF
from types import ModuleType
from typing import Any, Final

import pytest

from otpy.errors import FrameTooLarge
from otpy.links import fast_lock, outgoing
from otpy.links.outgoing import Outgoing
from otpy.wire.frames import Frame, FrameDecoder, LargeFrame, frame, join
from tests.support.fake_pipe import FakePipe
from tests.support.interleaving import Body, every_run, run

SHARED: Final = {"_waits", "_open", "sent", "pieces", "free", "waiting"}


class RingWriter:
    """Memory for one large frame."""

    def __init__(self) -> None:
        self.span: list[bytes] = []

    def write(self, data: LargeFrame) -> Frame | None:
        self.span.append(join(data))
        return frame(b"span%d" % (len(self.span) - 1))

    def commit(self) -> None:
        pass


class Scene:
    """A pipe, its writer, and what the loop does when it is told that there is room."""

    def __init__(self, pipe: FakePipe, writer: RingWriter | None = None) -> None:
        self.pipe, self.writer = pipe, writer
        self.blocked = False
        self.outgoing = Outgoing(0, self._note, writer)  # type: ignore[arg-type]

    def _note(self, blocked: bool) -> None:
        self.blocked = blocked

    def loop(self) -> None:
        """Read at the other end, and write what waited for that."""
        self.pipe.read()
        if self.blocked:
            self.outgoing.flush()

    def frames(self) -> list[bytes]:
        """Return the bodies that came, as soon as all have."""
        self.loop()
        for _ in range(1000):
            if self.blocked:
                self.loop()
        self.loop()
        assert not self.blocked
        assert not self.outgoing._queue
        assert self.outgoing.lock.free == [None]
        decoder = FrameDecoder()
        bodies = [bytes(body) for body in decoder.feed(bytes(self.pipe.taken))]
        assert not decoder.partial
        return bodies


def large(letter: bytes, size: int = PIPE_BUF + 7) -> LargeFrame:
    return LargeFrame([letter * 3, memoryview(letter * (size - 3))])


PIPES: Final[list[FakePipe]] = []
"""The one that is written to."""


def body_of(data: Frame) -> bytes:
    return join(data)[4:]


SMALL: Final = [frame(b"s%d" % number) for number in range(4)]
LARGE: Final = [large(b"A"), large(b"B")]
LARGER: Final = frame(b"c" * (PIPE_BUF + 1))

SENT: Final[dict[str, tuple[FakePipe, Sequence[Frame], Sequence[Frame], int]]] = {
    "small and small": (FakePipe(1 << 16, 1 << 16), SMALL[:1], SMALL[1:2], 3),
    "small and large": (FakePipe(1 << 16, 3000), SMALL[:1], LARGE[:1], 2),
    "large and small": (FakePipe(1 << 16, 3000), LARGE[:1], SMALL[:1], 2),
    "large and large": (FakePipe(1 << 16, 3000), LARGE[:1], LARGE[1:], 2),
    "two small and large in a pipe that is full": (FakePipe(3000, 1700), SMALL[:2], LARGE[:1], 2),
    "what is not in pieces and small": (FakePipe(PIPE_BUF, 2500), [LARGER], SMALL[:1], 2),
}


def interleave(
    switches: int, prepare: Callable[[], tuple[Sequence[Body], Body]], *beside: ModuleType
) -> int:
    """Run two threads in every interleaving with so many switches, and check each.

    The steps are those of the writer, and of what stands in the modules beside.
    """

    def try_turns(turns: Sequence[int]) -> int | None:
        bodies, check = prepare()
        too_long = run(bodies, turns, [outgoing, fast_lock, *beside], SHARED)
        check()
        return too_long

    return every_run(switches, try_turns)


def scene(monkeypatch: Any, pipe: FakePipe, writer: RingWriter | None = None) -> Scene:
    fresh = FakePipe(pipe.capacity, pipe.bite)
    PIPES[:] = [fresh]
    monkeypatch.setattr(outgoing, "os", fresh)
    monkeypatch.setattr(outgoing, "widen", lambda _pipe: None)
    return Scene(fresh, writer)


def send_all(here: Scene, frames: Sequence[Frame]) -> None:
    for each in frames:
        here.outgoing.send(each)


def senders(
    make: Callable[[], Scene], ours: Sequence[Frame], theirs: Sequence[Frame]
) -> Callable[[], tuple[Sequence[Body], Body]]:
    """Prepare two threads that send, and what looks at what came."""

    def prepare() -> tuple[Sequence[Body], Body]:
        here = make()

        def send(frames: Sequence[Frame]) -> Body:
            return partial(send_all, here, frames)

        def check() -> None:
            bodies = here.frames()
            for frames in (ours, theirs):  # each thread's in their order, and all as a whole
                sent = [body_of(each) for each in frames]
                assert [body for body in bodies if body in sent] == sent
            assert len(bodies) == len(ours) + len(theirs)

        return [send(ours), send(theirs)], check

    return prepare


@pytest.mark.parametrize("name", SENT)
def test_two_threads_that_send(monkeypatch: Any, name: str) -> None:
    pipe, ours, theirs, switches = SENT[name]
    prepare = senders(lambda: scene(monkeypatch, pipe), ours, theirs)
    assert interleave(switches, prepare) > 100


class Hasty(Outgoing):
    """One that writes what is small without having the lock, as if that could not matter."""

    def send(self, data: Frame) -> None:
        if type(data) is bytes and not self._queue:
            PIPES[-1].write(self._pipe, data)
        else:
            super().send(data)


class Forgetful(Outgoing):
    """One that does not look again at what was queued while it had the lock."""

    def _write_queued(self) -> None:
        pass


@pytest.mark.parametrize(
    ("faulty", "sides"), [(Hasty, [SMALL[:1], LARGE[:1]]), (Forgetful, [LARGE[:1], SMALL[:1]])]
)
def test_a_fault_is_found_by_these_interleavings(
    monkeypatch: Any, faulty: type[Outgoing], sides: list[list[Frame]]
) -> None:
    def make() -> Scene:
        here = scene(monkeypatch, FakePipe(1 << 16, 3000))
        here.outgoing = faulty(0, here._note)
        return here

    with pytest.raises((AssertionError, FrameTooLarge)):
        interleave(2, senders(make, *sides), sys.modules[__name__])


@pytest.mark.parametrize("swapped", [False, True])
def test_a_thread_that_sends_and_the_loop_that_writes_what_waited(
    monkeypatch: Any, swapped: bool
) -> None:
    def prepare() -> tuple[Sequence[Body], Body]:
        here = scene(monkeypatch, FakePipe(PIPE_BUF, 5000))
        here.outgoing.send(LARGE[0])
        assert here.blocked
        bodies: list[Body] = [lambda: here.outgoing.send(SMALL[0]), here.loop]

        def check() -> None:
            assert here.frames() == [body_of(LARGE[0]), body_of(SMALL[0])]

        return bodies[::-1] if swapped else bodies, check

    assert interleave(2, prepare) > 40  # as many as its Python makes steps of it


def test_what_is_laid_is_announced_in_the_order_in_which_it_lies(monkeypatch: Any) -> None:
    def prepare() -> tuple[Sequence[Body], Body]:
        writer = RingWriter()
        here = scene(monkeypatch, FakePipe(1 << 16, 3000), writer)
        bodies: list[Body] = [
            partial(send_all, here, LARGE),
            lambda: here.outgoing.send(large(b"C")),
        ]

        def check() -> None:
            came = here.frames()
            span = [int(body[4:]) for body in came if body.startswith(b"span")]
            assert span == list(range(len(writer.span)))
            assert len(came) == 3

        return bodies, check

    assert interleave(2, prepare) > 100


@pytest.mark.parametrize("data", [SMALL[0], LARGE[0]])
def test_nothing_is_written_to_a_pipe_that_is_closed(monkeypatch: Any, data: Frame) -> None:
    def prepare() -> tuple[Sequence[Body], Body]:
        here = scene(monkeypatch, FakePipe(1 << 16, 3000))

        def close() -> None:
            if here.outgoing.lock.try_acquire():  # else it would wait
                here.outgoing.close()
                here.pipe.closed = True
                here.outgoing.lock.release()

        return [lambda: here.outgoing.send(data), close], lambda: None

    assert interleave(2, prepare) > 20


def test_what_a_sender_changes_afterwards_was_sent_as_it_was(monkeypatch: Any) -> None:
    here = scene(monkeypatch, FakePipe(100, 100))
    mine = bytearray(b"x" * 10_000)
    here.outgoing.send(LargeFrame([b"head", memoryview(mine)]))
    here.outgoing.send(LargeFrame([b"tail", memoryview(mine)]))
    mine[:] = b"y" * 10_000
    pieces = b"x" * 10_000
    monkeypatch.setattr(here.pipe, "capacity", 50_000)
    assert here.frames() == [b"head" + pieces, b"tail" + pieces]


def test_a_frame_in_more_pieces_than_writev_takes(monkeypatch: Any) -> None:
    here = scene(monkeypatch, FakePipe(1 << 16, 1 << 16))
    taken: list[int] = []
    writev = here.pipe.writev

    def noted(fd: int, pieces: Sequence[bytes]) -> int:
        taken.append(len(pieces))
        return writev(fd, pieces)

    monkeypatch.setattr(here.pipe, "writev", noted)
    here.outgoing.send(LargeFrame([b"x"] * 3000))
    assert here.frames() == [b"x" * 3000]
    assert max(taken) <= 1024
