"""How late the next spare is forked when the one before could not be, or died."""

import errno
from collections.abc import Callable
from typing import NoReturn, cast

import pytest

from otpy.core.spec import ChildSpec, ServerStart
from otpy.runtime.supervisor import spares
from otpy.runtime.supervisor.spares import Spares
from otpy.system.loop import Loop


class FakeLoop:
    """Keeps what it is to call; `run` calls what is due at once, or the next that is due later."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.later.append((seconds, callback))


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def wanted_spares(
    loop: FakeLoop, fork: Callable[[ChildSpec, str], NoReturn], *, is_at_rest: bool
) -> Spares:
    """Return the spares of a supervisor whose one child, which runs, is to have one."""
    kept = Spares(
        cast("Loop", loop),
        fork=fork,
        is_at_rest=lambda: is_at_rest,
        has_process=lambda _id: True,
        changed=lambda _path, _pids: None,
        killed=lambda _pid: None,
        ended=lambda _born: None,
        free=lambda _slot: None,
    )
    kept.want(ChildSpec("a", ServerStart("m:f", spare=1)), "a")
    return kept


def test_a_fork_that_fails_is_tried_later_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, clock, tried = FakeLoop(), Clock(), [0]
    monkeypatch.setattr(spares, "time", clock)

    def fork(spec: ChildSpec, path: str) -> NoReturn:
        tried[0] += 1
        raise OSError(errno.EAGAIN, "no more processes")

    wanted_spares(loop, fork, is_at_rest=True)
    waits = []
    for number in range(1, 12):
        (_, refill) = loop.later.pop()
        refill()
        assert tried[0] == number
        while loop.soon:
            loop.soon.pop()()
        ((wait, again),) = loop.later
        waits.append(wait)
        loop.later.clear()
        again()
        assert not loop.later, "not before that"
        clock.now += wait
        again()
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_nothing_is_forked_while_something_is_done() -> None:
    loop, tried = FakeLoop(), [0]

    def fork(spec: ChildSpec, path: str) -> NoReturn:
        tried[0] += 1
        raise AssertionError(spec, path)

    wanted_spares(loop, fork, is_at_rest=False)
    ((_, refill),) = loop.later
    refill()
    assert not tried[0]
    assert not loop.soon
