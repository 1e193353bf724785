"""Signal handlers that raise in the midst of calls, as Ctrl-C does."""

import gc
import os
import random
import select
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

import pytest

from otpy.links.deadline import deadline_of
from otpy.links.fast_lock import FastLock
from otpy.links.link import Link
from otpy.links.outgoing import Outgoing
from otpy.links.protocol import ClientProtocol, Failure, Reply
from otpy.links.waiter import Lost, NotDelivered, Waiter
from otpy.runtime.worker import connections
from otpy.system.descriptor import Descriptor
from otpy.system.pipes import link_pipes
from otpy.wire import link as wire_link
from otpy.wire.frames import MAX_FRAME, FrameDecoder, LargeFrame, frame
from tests.client.fake_node import WAIT_S
from tests.client.in_threads import Background

TIMES = 500


class Interrupted(BaseException):
    """Raised by the signal handler."""


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted


@pytest.fixture(autouse=True)
def interrupting_signals() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, interrupt)
    gc.disable()  # what a handler raises in a callback of the collector's interrupts nobody
    yield
    gc.enable()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def until_interrupted(act: Callable[[], None], longest_s: float) -> None:
    """Do it again and again, until a signal comes; nothing here depends on when that is."""
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(5e-6, longest_s))
        while True:
            act()
    except Interrupted:
        pass
    except BaseException:
        signal.setitimer(signal.ITIMER_REAL, 0)  # it is not to interrupt pytest
        raise


class Echo:
    """A link, and a thread at its other end that answers each call with its request."""

    def __init__(self) -> None:
        ours, theirs = link_pipes()
        protocol = ClientProtocol()
        protocol.expect(wire_link.VERSION, 1, MAX_FRAME)
        me = os.getpid()
        fds = (*ours, Descriptor(os.pidfd_open(me)))
        self.link = Link(fds, "echo", me, 1, node_pid=0, protocol=protocol)
        self._there = connections.IncomingLink(*theirs, lambda _link, _blocked: None)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._number = 0
        self._begun: list[tuple[int, int, Waiter[Reply | Failure]]] = []

    def call(self, text: str = "") -> None:
        self._number = number = self._number + 1
        reply = self.link.call([number, text], deadline_of(WAIT_S), WAIT_S * 1000)
        assert isinstance(reply, Reply)
        assert reply.value == (number, text)

    def begin(self) -> None:
        """Send what `finish` waits for; its answer comes with that of the next call."""
        self._number = number = self._number + 1
        self._begun.append((number, *self.link.begin_call([number], deadline_of(WAIT_S))))

    def talk(self, text: str) -> None:
        for _ in range(3):
            self.begin()
        self.call(text)
        self.call()
        self.finish()

    def finish(self) -> None:
        while self._begun:
            number, at_link, waiter = self._begun.pop()
            try:
                reply = self.link.finish(waiter, deadline_of(WAIT_S))
            except (Lost, NotDelivered):
                assert not self.link.open
            else:
                assert isinstance(reply, Reply)
                assert reply.value == (number,)
            self.link.forget(at_link)

    def close(self) -> None:
        self.link.abandon()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        there = self._there
        comes, room = select.poll(), select.poll()
        comes.register(there.read, select.POLLIN)
        room.register(there.write, select.POLLOUT)
        ready: deque[connections.LinkCall] = deque()
        while comes.poll() and there.receive(ready):
            while ready:
                call = ready.popleft()
                call.reply(call.request)
                while not there.flush():
                    room.poll()
        there.close()


@pytest.fixture
def echoes() -> Iterator[list[Echo]]:
    echoes = [Echo()]
    yield echoes
    echoes[-1].close()


@pytest.mark.parametrize(("text", "longest_s"), [("", 1e-4), ("x" * 200_000, 2e-3)])
def test_a_link_goes_on_or_ends(echoes: list[Echo], text: str, longest_s: float) -> None:
    for _ in range(TIMES):
        echo = echoes[-1]
        until_interrupted(partial(echo.talk, text), longest_s)
        assert not echo.link._read_lock.locked
        assert not echo.link._sending.locked
        if echo.link.open:
            echo.call()
        echo.finish()
        if not echo.link.open:
            echo.close()
            echoes[-1] = Echo()


@pytest.mark.parametrize(("size", "longest_s"), [(0, 1e-4), (50_000, 5e-4)])
def test_a_frame_that_was_begun_is_finished_before_the_next(size: int, longest_s: float) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    outgoing = Outgoing(write, lambda _blocked: None)
    room = select.poll()
    room.register(write, select.POLLOUT)
    came: list[int] = []

    def receive() -> None:
        decoder = FrameDecoder()
        while data := os.read(read, 1 << 16):
            for body in decoder.feed(data):
                number = int(body[:8])
                assert body[8:] == bytes([number % 256]) * (len(body) - 8)
                came.append(number)
        assert not decoder.partial

    sent = iter(range(10**8))

    def send() -> None:
        number = next(sent)
        body = [b"%08d" % number, bytes([number % 256]) * (size * (number % 3))]
        outgoing.send(LargeFrame(body) if body[1] else frame(body[0]))

    receiver = Background(receive)
    for _ in range(TIMES):
        until_interrupted(send, longest_s)
        while not outgoing.flush():
            room.poll()
        assert not outgoing.lock.locked
    os.close(write)
    assert receiver.result() is None
    os.close(read)
    assert came == sorted(set(came))
    assert len(came) >= next(sent) - TIMES - 1


def test_nobody_keeps_a_turn_that_he_does_not_have() -> None:
    lock = FastLock()
    done = threading.Event()

    def take_turn() -> None:
        assert lock.acquire(deadline_of(WAIT_S))
        try:
            pass
        finally:
            lock.free.append(None)
            lock.wake()

    def take_turns() -> None:
        while not done.is_set():
            take_turn()

    other = Background(take_turns)
    for _ in range(TIMES):
        until_interrupted(take_turn, 3e-4)
    done.set()
    assert other.result() is None
    assert not lock.locked
    assert not lock.waiting
