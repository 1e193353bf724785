"""Calls from other threads, whose outcome is a value or an exception."""

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

from otpy import Ref
from otpy.links.link import Link
from tests.client.fake_node import WAIT_S, Held

T = TypeVar("T")


class Background:
    """A function in a thread of its own; `result` waits for it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._outcome: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._function()
        except BaseException as error:  # noqa: BLE001  # handed to the test
            self._outcome = error

    def begun(self) -> None:
        """Go on: a thread begins by itself."""

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def result(self) -> Any:
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "it hangs"
        return self._outcome


def wait_for_kept(server: Ref, count: int) -> None:
    """Wait until the fake worker has that many calls that it does not answer."""
    deadline = time.monotonic() + WAIT_S
    while server.call("kept", timeout=WAIT_S) < count:
        assert time.monotonic() < deadline, "the calls never arrived"


def arrived(held: Held) -> None:
    """Wait until the gateway was asked what it holds back."""
    assert held.arrived.wait(WAIT_S)


def collected(events: Iterator[T]) -> list[T]:
    """Return all events up to the end."""
    return list(events)


class PipeProbe:
    """A second reader of the pipe that a link writes to; it only looks, and holds it open."""

    def __init__(self, link: Link | None) -> None:
        assert link is not None
        self.fd = os.open(f"/proc/self/fd/{link._writer}", os.O_RDONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self.fd, select.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def wait_for_bytes(self) -> None:
        assert self._poll.poll(WAIT_S * 1000), "nothing was sent"
