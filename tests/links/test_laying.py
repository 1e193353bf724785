"""The calling end of a link between workers, with nobody at the other end."""

import contextlib
import os
from collections.abc import Iterator

import pytest

from otpy.links.deadline import TooLate, deadline_of
from otpy.links.link import Link
from otpy.links.peer import PeerProtocol
from otpy.links.shelf import OtherShelf
from otpy.system.fdpass import close_fds
from otpy.system.pipes import link_pipes
from otpy.wire import peer
from otpy.wire.frames import Body, Frame, FrameDecoder, LargeFrame
from otpy.wire.shelf import Laid, Offer

LARGE = bytes(70_000)


class Interrupted(PeerProtocol):
    """Is interrupted in the midst of it, when it is told."""

    now = False

    def lay(self, data: LargeFrame) -> Frame | None:
        if self.now:
            super().lay(data)
            raise KeyboardInterrupt
        return super().lay(data)


class Pair:
    """A link, and the descriptors of its other end."""

    def __init__(self) -> None:
        ours, self.theirs = link_pipes()
        self.protocol = Interrupted()
        fds = (*ours, os.pidfd_open(os.getpid()))
        self.link = Link(fds, "other", os.getpid(), 1, node_pid=0, protocol=self.protocol)
        self._frames = FrameDecoder()
        self._shelf = OtherShelf()

    def messages(self) -> Iterator[tuple[int, object]]:
        """Read all that was sent, kinds and values."""
        os.set_blocking(self.theirs[0], False)
        bodies: list[Body] = []
        try:
            while data := os.read(self.theirs[0], 1 << 16):
                bodies += self._frames.feed(data)
        except BlockingIOError:
            pass
        for body in bodies:
            kind, _, value = peer.peer_message(body)
            if kind == peer.OFFER:
                self._shelf.find(Offer(*value))
            if kind == peer.LAID:
                laid = Laid(*value)
                yield kind, peer.peer_message(self._shelf.body(laid))[2]
                self._shelf.free(laid)
            else:
                yield kind, value


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
    assert [kind for kind, _ in pair.messages()] == [peer.CAST, peer.OFFER, peer.CAST]
    yield pair
    pair.link.abandon()
    close_fds(pair.theirs)


def test_the_offer_goes_with_the_second_and_the_third_is_laid(pair: Pair) -> None:
    pair.link.cast(LARGE, deadline_of(1.0))
    pair.link.cast("small", deadline_of(1.0))
    pair.link.cast(LARGE + b"x", deadline_of(1.0))
    expected = [(peer.LAID, LARGE), (peer.CAST, "small"), (peer.LAID, LARGE + b"x")]
    assert list(pair.messages()) == expected


def test_what_was_not_told_of_in_time_leaves_its_place(pair: Pair) -> None:
    fill(pair.link)
    for _ in range(100):
        with pytest.raises(TooLate):
            pair.link.cast(LARGE, deadline_of(0.001))
    assert {kind for kind, _ in pair.messages()} == {peer.CAST}
    for _ in range(5):
        pair.link.cast(LARGE, deadline_of(1.0))
    assert list(pair.messages())[-5:] == [(peer.LAID, LARGE)] * 5


def test_after_an_interruption_in_the_midst_of_it_large_values_go_by_the_pipe(pair: Pair) -> None:
    pair.protocol.now = True
    with pytest.raises(KeyboardInterrupt):
        pair.link.cast(LARGE, deadline_of(1.0))
    pair.protocol.now = False
    for _ in range(3):
        pair.link.cast("small", deadline_of(1.0))
        pair.link.cast(LARGE, deadline_of(1.0))
        assert list(pair.messages()) == [(peer.CAST, "small"), (peer.CAST, LARGE)]
