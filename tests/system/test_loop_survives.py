"""A loop goes on when the system refuses something to a callback, if it is told to (1.3)."""

import errno
from collections.abc import Callable

import pytest

from otpy.system.descriptor import pipe
from otpy.system.loop import Loop


def refuse() -> None:
    raise OSError(errno.ENOMEM, "no memory")


def by_descriptor(loop: Loop) -> None:
    reader, writer = pipe()
    writer.close()

    def ready(_events: int) -> None:
        reader.close()
        refuse()

    loop.watch(reader, ready)


def by_timer(loop: Loop) -> None:
    loop.call_later(0.0, refuse)


def soon(loop: Loop) -> None:
    loop.call_soon(refuse)


@pytest.mark.parametrize("arrange", [by_descriptor, by_timer, soon])
def test_it_goes_on(arrange: Callable[[Loop], None]) -> None:
    loop = Loop()
    told: list[Exception] = []

    def survive(error: Exception) -> None:
        told.append(error)
        loop.call_soon(loop.stop)

    loop.survive = survive
    arrange(loop)
    loop.run()
    loop.close()
    assert [str(error) for error in told] == ["[Errno 12] no memory"]


def test_what_is_no_refusal_of_the_systems_ends_it() -> None:
    loop = Loop()
    loop.survive = lambda _error: None

    def fail() -> None:
        raise ValueError("a mistake")

    loop.call_soon(fail)
    with pytest.raises(ValueError, match="a mistake"):
        loop.run()
    loop.close()


def test_nothing_is_survived_unless_it_is_told_to() -> None:
    loop = Loop()
    loop.call_soon(refuse)
    with pytest.raises(OSError, match="no memory"):
        loop.run()
    loop.close()
