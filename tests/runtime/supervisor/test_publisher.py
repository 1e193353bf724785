"""Events on their way up."""

from collections.abc import Iterator
from functools import partial

import pytest

from otpy.events import ChildStopping, Event
from otpy.runtime.control_channel import SUPERVISOR
from otpy.runtime.supervisor.publisher import EventUplink, Publisher
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop
from otpy.system.message_socket import MessageSocket
from otpy.system.sockets import Socket, socket_pair
from otpy.wire.control import Publish
from otpy.wire.frames import FrameDecoder, frame

_MAX_FRAME = 2 << 20


def _write(message: object, count: int) -> bytes:
    return frame(SUPERVISOR.encode(message, count), _MAX_FRAME)


class Ends:
    """A supervisor's pipe to its parent; at most two messages wait while the parent reads none."""

    def __init__(self) -> None:
        ours, theirs = (Socket(end) for end in socket_pair())
        self.loop = Loop()
        self.child = MessageSocket(
            ours, FrameDecoder().feed, _write, SUPERVISOR.decode, max_queued=2
        )
        self.parent = MessageSocket(theirs, FrameDecoder().feed, _write, SUPERVISOR.decode)
        self.child.attach(self.loop, lambda *_: None, lambda: None)
        self.heard: list[Event] = []

    def read(self, wanted: int) -> None:
        """Be the parent until it has heard of so many events."""

        def hear(message: object, fds: tuple[Descriptor, ...]) -> None:
            assert isinstance(message, Publish)
            assert not fds
            self.heard += message.events
            if len(self.heard) >= wanted:
                self.loop.stop()

        self.parent.attach(self.loop, hear, partial(pytest.fail, "closed"))
        self.loop.run()

    def close(self) -> None:
        self.child.close()
        self.parent.close()
        self.loop.close()


def some_events(count: int) -> list[Event]:
    """Make events, more than a socket holds."""
    path = "x" * 9000
    return [ChildStopping(at=0.0, path=path, pid=n, incarnation=1) for n in range(count)]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


def test_what_a_stopped_parent_cannot_take_is_sent_when_it_reads_again(ends: Ends) -> None:
    uplink = EventUplink(ends.child)
    events = some_events(200)
    for event in events:
        uplink.deliver((event,))
    ends.read(len(events))
    assert ends.heard == events


def test_what_could_not_be_sent_goes_first(ends: Ends) -> None:
    uplink = EventUplink(ends.child)
    events = some_events(50)
    for event in events[:-1]:
        uplink.deliver((event,))
    ends.child._max_queued = 1000
    uplink.deliver(events[-1:])
    ends.read(len(events))
    assert ends.heard == events


def test_what_gathered_for_long_is_not_too_much_for_a_frame(ends: Ends) -> None:
    uplink = EventUplink(ends.child)
    events = [
        ChildStopping(at=0.0, path=f"{n:01000}", pid=n, incarnation=1)
        for n in range(_MAX_FRAME // 500)
    ]
    for event in events:
        uplink.deliver((event,))
    ends.read(len(events))
    assert ends.heard == events


def test_an_event_that_is_made_later_keeps_its_place() -> None:
    loop, delivered = Loop(), list[Event]()
    publisher = Publisher(loop, delivered.extend, lambda: False)
    first, second, third = some_events(3)
    made: list[Event] = []

    def make() -> Event:
        made.append(second)
        return second

    publisher.publish((first, make, third))
    assert not made
    publisher.make_events()
    publisher.flush()
    assert delivered == [first, second, third]
    publisher.publish((make,))
    publisher.flush()
    assert (made, delivered[3:]) == ([second, second], [second])
    loop.close()
