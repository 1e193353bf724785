"""Who is told which events, while it reads, and while it does not (5.3)."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from otpy.errors import OtpyError
from otpy.events import ChildRemoved, Event
from otpy.runtime import recent_events as recent_module
from otpy.runtime.gateway.client_connection import Client
from otpy.runtime.gateway.subscriptions import Subscriptions
from otpy.runtime.recent_events import RecentEvents
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop
from otpy.system.sockets import Socket
from otpy.wire.codec import unpack
from otpy.wire.frames import FrameDecoder

LARGE = 200_000


def event(number: int, size: int = 1) -> Event:
    return ChildRemoved(at=float(number), path="x" * size)


class Reader:
    """A client, and the gateway's end of its connection."""

    def __init__(self, loop: Loop) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX)
        self.socket.setblocking(False)
        self._loop = loop
        connection = Socket(Descriptor(theirs.detach()))
        self.client = Client(connection, loop, self._asked, lambda _: None, lambda _: None)
        self.client.handshake_ended()
        self._frames = FrameDecoder()

    def _asked(self, _client: Client, _request: object) -> None:
        raise AssertionError

    def reads(self) -> list[Any]:
        """Read all that it is sent: numbers of events, ("lost", how many), or "end"."""
        told: list[Any] = []
        while True:
            self._loop.call_soon(self._loop.stop)
            self._loop._running = True
            self._loop.run()
            if not (more := self._read()):
                return told
            told += more

    def _read(self) -> list[Any]:
        told: list[Any] = []
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return told
            told += [_short(unpack(body)) for body in self._frames.feed(data)] or [None]

    def close(self) -> None:
        self.client.close()
        self.socket.close()


def _short(message: Any) -> Any:
    match message:
        case [_, 0, None]:
            return "end"
        case [_, 2, {"event": "EventsLost", "count": count}, [position]]:
            return ("lost", count, position)
        case [_, 2, {"at": at}, [position]]:
            assert at == position
            return position
    raise AssertionError(message)


def told(reader: Reader) -> list[Any]:
    return [each for each in reader.reads() if each is not None]


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        readers = [Reader(loop) for _ in range(20)]
        for each in readers:
            stack.callback(each.close)
        yield readers


def test_what_is_kept_is_bounded_by_number_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    recent = RecentEvents(event(number) for number in range(1, 2001))
    assert (recent.first, recent.last) == (1001, 2000)
    for number in range(2001, 2101):
        recent.append(event(number, LARGE))
    assert recent.last == 2100
    assert 15 < recent.last - recent.first < 25
    monkeypatch.setattr(recent_module, "MAX_BYTES", 10)
    recent.append(event(2101, LARGE))
    assert (recent.first, recent.last) == (2101, 2101)
    for number in (2100, 2102):
        with pytest.raises(IndexError):
            recent[number]


def test_all_that_is_kept_and_then_the_end(readers: list[Reader]) -> None:
    recent = RecentEvents(event(number) for number in range(1, 6))
    subscriptions = Subscriptions(recent)
    subscriptions.add(readers[0].client, 7, None, follow=False)
    subscriptions.add(readers[1].client, 7, 3, follow=False)
    subscriptions.add(readers[2].client, 7, 99, follow=False)
    assert [told(reader) for reader in readers[:3]] == [
        [1, 2, 3, 4, 5, "end"],
        [4, 5, "end"],
        ["end"],
    ]
    recent.append(event(6))
    subscriptions.publish()
    assert told(readers[0]) == []


def test_no_events_at_all(readers: list[Reader]) -> None:
    Subscriptions(RecentEvents()).add(readers[0].client, 7, None, follow=False)
    assert told(readers[0]) == ["end"]


def test_a_follower_is_told_each_event_once(readers: list[Reader]) -> None:
    recent = RecentEvents([event(1)])
    subscriptions = Subscriptions(recent)
    subscriptions.add(readers[0].client, 7, None, follow=True)
    assert told(readers[0]) == [1]
    said: list[Any] = []
    for number in range(2, 40):
        recent.append(event(number, LARGE if number % 3 == 0 else 1))
        subscriptions.publish()
        if number % 5 == 0:
            said += told(readers[0])
    assert said + told(readers[0]) == list(range(2, 40))


def test_a_slow_reader_is_sent_all_in_pages_and_then_the_end(readers: list[Reader]) -> None:
    """It was dropped when 16 MiB waited for it, and asked again, for ever."""
    recent = RecentEvents(event(number, LARGE) for number in range(1, 21))
    subscriptions = Subscriptions(recent)
    subscriptions.add(readers[0].client, 7, None, follow=False)
    assert readers[0].client._unread < LARGE + (1 << 17)
    assert told(readers[0]) == [*range(1, 21), "end"]


def test_who_does_not_read_misses_events_and_is_told_how_many(readers: list[Reader]) -> None:
    recent = RecentEvents()
    subscriptions = Subscriptions(recent)
    for reader in readers:
        subscriptions.add(reader.client, 7, None, follow=True)
    for number in range(1, 301):
        recent.append(event(number, LARGE))
        subscriptions.publish()
    # What waits for each is a page at most, and one event.
    assert all(reader.client._unread < LARGE + (1 << 17) for reader in readers)
    said = told(readers[0])
    (gap,) = (each for each in said if isinstance(each, tuple))
    index = said.index(gap)
    assert said[:index] == list(range(1, index + 1))
    assert gap == ("lost", recent.first - 1 - index, recent.first - 1)
    assert said[index + 1 :] == list(range(recent.first, 301))


def test_who_comes_back_misses_what_is_not_kept_any_more(readers: list[Reader]) -> None:
    recent = RecentEvents(event(number) for number in range(1, 1101))
    subscriptions = Subscriptions(recent)
    subscriptions.add(readers[0].client, 7, 50, follow=False)
    assert told(readers[0])[:2] == [("lost", 50, 100), 101]


def test_a_connection_may_not_ask_for_ever(readers: list[Reader]) -> None:
    subscriptions = Subscriptions(RecentEvents())
    for number in range(64):
        subscriptions.add(readers[0].client, number, None, follow=True)
    with pytest.raises(OtpyError, match="64 times at once"):
        subscriptions.add(readers[0].client, 64, None, follow=True)
    subscriptions.forget(readers[0].client)
    subscriptions.publish()
