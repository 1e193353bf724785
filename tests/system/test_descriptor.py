"""One owner a descriptor (6.1, 6.2): it closes once, and unwatches itself."""

import copy
import gc
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from otpy.system.descriptor import CHECKS_VARIABLE, Descriptor, pipe
from otpy.system.descriptor_checks import DescriptorError
from otpy.system.loop import Loop
from otpy.system.sockets import MESSAGES, Socket, socket_pair, unbound_socket
from tests.support.checked import take_mistakes
from tests.support.processes import descriptors


def close_twice(descriptor: Descriptor, _loop: Loop) -> None:
    descriptor.close()
    descriptor.close()


def close_what_was_handed_over(descriptor: Descriptor, _loop: Loop) -> None:
    os.close(descriptor.detach())
    descriptor.close()


def use_a_closed_one(descriptor: Descriptor, _loop: Loop) -> None:
    descriptor.close()
    os.fstat(descriptor.fileno())


def watch_a_closed_one(descriptor: Descriptor, loop: Loop) -> None:
    descriptor.close()
    loop.watch(descriptor, ready)


def own_it_twice(descriptor: Descriptor, _loop: Loop) -> None:
    try:
        Descriptor(descriptor.fileno())
    finally:
        descriptor.close()


def close_its_number(descriptor: Descriptor, _loop: Loop) -> None:
    os.close(descriptor.fileno())
    descriptor.close()


MISTAKES: list[Callable[[Descriptor, Loop], None]] = [
    close_twice,
    close_what_was_handed_over,
    use_a_closed_one,
    watch_a_closed_one,
    own_it_twice,
    close_its_number,
]


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def ready(_events: int) -> None:
    pass


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_where_it_happens(
    mistake: Callable[[Descriptor, Loop], None], loop: Loop
) -> None:
    reader, writer = pipe()
    writer.close()
    with pytest.raises(DescriptorError):
        mistake(reader, loop)
    told = take_mistakes()
    assert told.count("DescriptorError") == 1
    assert f"in {mistake.__name__}" in told


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_nobody_closes_is_told_and_a_handed_over_one_is_not() -> None:
    reader, writer = pipe()
    os.close(writer.detach())
    number = reader.fileno()
    del reader, writer
    assert "was dropped while it is open" in take_mistakes()
    os.close(number)


@pytest.mark.parametrize("closes", [True, False])
def test_an_owner_in_a_cycle_may_close_it_after_it_was_finalized(*, closes: bool) -> None:
    class Owner:
        def __init__(self) -> None:
            self.owned = Descriptor(os.eventfd(0))
            self.itself = self

        def __del__(self) -> None:
            if closes:
                self.owned.close()

    number = Owner().owned.fileno()
    gc.collect()
    with Descriptor(os.eventfd(0)):
        assert ("was dropped while it is open" in take_mistakes()) != closes
    if not closes:
        os.close(number)


def test_there_is_no_copy() -> None:
    with Descriptor(os.eventfd(0)) as descriptor:
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="one owner"):
                attempt(descriptor)


def test_without_the_checks_a_second_close_hits_nobody() -> None:
    script = """
import os
from otpy.system.descriptor import Descriptor
one = Descriptor(os.eventfd(0))
one.close()
other = Descriptor(os.eventfd(0))
one.close()
os.fstat(other.fileno())
print(one.closed, one.fileno(), type(one).__name__)
"""
    env = {name: value for name, value in os.environ.items() if name != CHECKS_VARIABLE}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "True -1 Descriptor\n"


@pytest.mark.parametrize("of", [Descriptor, Socket])
def test_what_closes_is_watched_no_more(of: type[Descriptor] | type[Socket], loop: Loop) -> None:
    one, other = (end if of is Descriptor else Socket(end) for end in socket_pair())
    loop.watch(one, ready)
    assert one.watcher is loop
    number = one.fileno()
    one.close()
    # The number can be watched again: nothing of it is left, neither here nor in the kernel.
    with Descriptor(os.dup2(other.fileno(), number)) as again:
        loop.watch(again, ready)
    other.close()


def test_one_that_is_handed_over_is_watched_no_more(loop: Loop) -> None:
    first = Descriptor(os.eventfd(0))
    loop.watch(first, ready)
    with Descriptor(first.detach()) as second:
        loop.watch(second, ready)


def test_a_round_tells_nothing_of_what_took_a_closed_ones_number(loop: Loop) -> None:
    """Else a process that lives could be said to have ended, as the one before it had."""
    told = []
    ends = [Descriptor(os.eventfd(1)), Descriptor(os.eventfd(1))]
    fresh: list[Descriptor] = []

    def close_the_other(one: Descriptor, other: Descriptor) -> None:
        told.append("ready")
        loop.unwatch(one)
        number = other.fileno()
        other.close()
        quiet = Descriptor(os.eventfd(0))
        assert quiet.fileno() == number
        fresh.append(quiet)
        loop.watch(quiet, lambda _events: told.append("wrong"))
        loop.call_soon(loop.stop)

    loop.watch(ends[0], lambda _events: close_the_other(*ends))
    loop.watch(ends[1], lambda _events: close_the_other(*reversed(ends)))
    loop.run()
    assert told == ["ready"]
    for each in (*ends, *fresh):
        if not each.closed:
            each.close()


def test_a_socket_never_blocks_whatever_the_default_timeout_is() -> None:
    socket.setdefaulttimeout(30)
    try:
        one, other = (Socket(end, MESSAGES) for end in socket_pair(MESSAGES))
        assert one.gettimeout() == 0
        one.send(b"x")
        assert other.recv(1) == b"x"
        with pytest.raises(BlockingIOError):
            other.recv(1)
    finally:
        socket.setdefaulttimeout(None)
    for end in (one, other):
        end.close()


def test_the_number_of_a_closed_one_may_be_another_threads_at_once() -> None:
    def open_and_close(_: int) -> None:
        for _ in range(200):
            unbound_socket().close()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(open_and_close, range(4)))
    finally:
        sys.setswitchinterval(interval)


def test_what_is_no_socket_stays_its_owners() -> None:
    before = descriptors(os.getpid())
    with Descriptor(os.eventfd(0)) as descriptor, pytest.raises(OSError, match="non-socket"):
        Socket(descriptor)
    assert descriptors(os.getpid()) == before
