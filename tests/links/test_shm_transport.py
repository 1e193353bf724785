"""The calling end of a link between workers, with nobody at the other end."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import otpy
from otpy.links.deadline import TooLate, deadline_of
from otpy.links.link import Link
from otpy.links.peer import PeerProtocol
from otpy.links.shm import RingReader
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.pipes import link_pipes
from otpy.wire import peer
from otpy.wire.frames import Body, Frame, FrameDecoder, LargeFrame
from otpy.wire.shm_ring import ShmBody, ShmOffer
from tests.support.peer_workers import Buffer

LARGE = bytes(70_000)


class Interrupted(PeerProtocol):
    """Is interrupted in the midst of it, when it is told."""

    now = False

    def write(self, data: LargeFrame) -> Frame | None:
        if self.now:
            super().write(data)
            raise KeyboardInterrupt
        return super().write(data)


class OtherEnd:
    """The other end of a link, read by hand."""

    def __init__(self) -> None:
        self.ours, self.theirs = link_pipes()
        self._frames = FrameDecoder()
        self._ring = RingReader()

    def messages(self) -> Iterator[tuple[int, object]]:
        """Read all that was sent, kinds and values."""
        os.set_blocking(self.theirs[0].fileno(), False)
        bodies: list[Body] = []
        try:
            while data := os.read(self.theirs[0].fileno(), 1 << 16):
                bodies += self._frames.feed(data)
        except BlockingIOError:
            pass
        for body in bodies:
            kind, _, value = peer.peer_message(body)
            if kind == peer.SHM_OFFER:
                self._ring.accept_offer(ShmOffer(*value))
            if kind == peer.SHM_BODY:
                span = ShmBody(*value)
                with self._ring.body(span, bool) as content:
                    value = peer.peer_message(content)[2]
                yield kind, value
            else:
                yield kind, value

    def values(self) -> list[Any]:
        """Read all that was sent, and return what was to be told."""
        return [value for kind, value in self.messages() if kind != peer.SHM_OFFER]


class Pair(OtherEnd):
    """A link, and its other end."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol = Interrupted()
        fds = (*self.ours, Descriptor(os.pidfd_open(os.getpid())))
        self.link = Link(fds, "other", os.getpid(), 1, node_pid=0, protocol=self.protocol)

    def close(self) -> None:
        """Close both ends."""
        self.link.abandon()
        close_all(self.theirs)


class Interruption(BaseException):
    """What a signal handler raises."""


class At:
    """Interrupts this thread before a bytecode of what sends something large.

    Attributes:
        where: What was interrupted; None if there are not so many bytecodes.
    """

    def __init__(self, number: int) -> None:
        self._left = number
        self.where: str | None = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._step)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _step(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in INTERRUPTED and code.co_name != "_write_pieces":
            return None
        frame.f_trace_opcodes = True
        self._left -= event == "opcode"
        if not self._left and self.where is None:
            self.where = f"{code.co_filename}:{frame.f_lineno}"
            raise Interruption
        return self._step


INTERRUPTED = {
    str(Path(otpy.__file__).parent / name)
    for name in (
        "links/shm.py",
        "links/shm_transport.py",
        "wire/shm_ring.py",
        "system/shared_memory.py",
    )
}


def fill(link: Link) -> None:
    """Cast until there is room for nothing, however small."""
    for message in ("x" * 4000, "x"):
        with contextlib.suppress(TooLate):
            while True:
                link.cast(message, deadline_of(0.001))


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    for _ in range(2):
        pair.link.cast(LARGE, deadline_of(1.0))
    assert [kind for kind, _ in pair.messages()] == [peer.CAST, peer.SHM_OFFER, peer.CAST]
    yield pair
    pair.close()


def test_the_offer_goes_with_the_second_and_the_third_is_laid(pair: Pair) -> None:
    pair.link.cast(LARGE, deadline_of(1.0))
    pair.link.cast("small", deadline_of(1.0))
    pair.link.cast(LARGE + b"x", deadline_of(1.0))
    expected = [(peer.SHM_BODY, LARGE), (peer.CAST, "small"), (peer.SHM_BODY, LARGE + b"x")]
    assert list(pair.messages()) == expected


def test_what_was_not_told_of_in_time_leaves_its_place(pair: Pair) -> None:
    fill(pair.link)
    for _ in range(100):
        with pytest.raises(TooLate):
            pair.link.cast(LARGE, deadline_of(0.001))
    assert {kind for kind, _ in pair.messages()} == {peer.CAST}
    for _ in range(5):
        pair.link.cast(LARGE, deadline_of(1.0))
    assert list(pair.messages())[-5:] == [(peer.SHM_BODY, LARGE)] * 5


def test_after_an_interruption_in_the_midst_of_it_large_values_go_by_the_pipe(pair: Pair) -> None:
    pair.protocol.now = True
    with pytest.raises(KeyboardInterrupt):
        pair.link.cast(LARGE, deadline_of(1.0))
    pair.protocol.now = False
    for _ in range(3):
        pair.link.cast("small", deadline_of(1.0))
        pair.link.cast(LARGE, deadline_of(1.0))
        assert list(pair.messages()) == [(peer.CAST, "small"), (peer.CAST, LARGE)]


UNCHECKED: Any = Descriptor.__mro__[-2]


class Collected(UNCHECKED):  # type: ignore[misc]
    """Is closed by whoever collects garbage, if an interruption left it to nobody else."""

    def __del__(self) -> None:
        self.close()


@pytest.mark.parametrize("sent", [1, 2, 3])
def test_wherever_it_is_interrupted_what_comes_later_is_whole(
    sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No line of Python is there at once: between making it and keeping it, nobody owns it.
    monkeypatch.setattr("otpy.system.shared_memory.Descriptor", Collected)
    reached = True
    for number in range(1, 2000):
        pair = Pair()
        for _ in range(sent):
            pair.link.cast(LARGE, deadline_of(1.0))
        assert pair.values() == [LARGE] * sent
        data = pair.protocol.cast(LARGE + b"interrupted")
        at = At(number)
        with contextlib.suppress(Interruption), at:
            pair.link.cast_frame(data, deadline_of(1.0))
        values = pair.values()
        for later in range(3):
            pair.link.cast(LARGE + bytes([later]), deadline_of(1.0))
            values += pair.values()
        if values[0] == LARGE + b"interrupted":
            del values[0]
        assert values == [LARGE + bytes([later]) for later in range(3)], at.where
        pair.close()
        reached = at.where is not None
        if not reached:
            break
    assert not reached


def test_who_is_interrupted_while_the_pipe_is_full_leaves_the_rest_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Pair()
    many = bytes(range(256)) * (9 << 12)

    def interrupt(_: object) -> None:
        raise Interruption

    with monkeypatch.context() as patched:
        patched.setattr("otpy.links.connection.poll_ms", interrupt)
        with pytest.raises(Interruption):
            pair.link.cast(("first", Buffer(many), Buffer(many)), deadline_of(1.0))
    seen: list[Any] = []
    for number in range(3):
        while True:
            with contextlib.suppress(TooLate):
                pair.link.cast(number, deadline_of(0.01))
                break
            seen += pair.values()
    seen += pair.values()
    assert seen == [("first", many, many), 0, 1, 2]
    pair.close()
