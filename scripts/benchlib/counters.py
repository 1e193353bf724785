"""The servers that otpy runs in the benchmark of messages."""

import os
import time
from array import array
from typing import Any, Final

import otpy

LARGE: Final = 1 << 20
"""Bytes of a large value."""


class Tally(otpy.GenServer):
    """A counter, which takes large values, too."""

    def init(self) -> None:
        """Start at zero."""
        self.count = 0

    @otpy.call
    def increment(self, amount: int) -> int:
        """Count, and return how far."""
        self.count += amount
        return self.count

    @otpy.call
    def get_count(self) -> int:
        """Return how far."""
        return self.count

    @otpy.call
    def measure(self, data: bytes) -> int:
        """Return how much it is."""
        return len(data)

    @otpy.cast
    def add(self, amount: int) -> None:
        """Count, without an answer."""
        self.count += amount

    @otpy.cast
    def take(self, value: object) -> None:
        """Build a large value."""


class Customer(otpy.GenServer):
    """Calls the counter from another worker of the tree."""

    def init(self) -> None:
        """Make what is large."""
        self.data = os.urandom(LARGE)

    def handle_call(self, request: Any, caller: otpy.Caller) -> object:
        """Answer ``(name, count)`` with the times of so many calls, in µs.

        And ``("stream", kind, count)`` with how many casts of a large value are taken a second.
        """
        del caller
        if request[0] == "stream":
            return _rate(LARGE_VALUES[request[1]], request[2])
        name, count = request
        argument = self.data if name == "measure" else 1
        clock = time.perf_counter_ns
        times = []
        for _ in range(count):
            began = clock()
            otpy.call("counter", name, argument)
            times.append((clock() - began) / 1e3)
        return times


LARGE_VALUES: Final[dict[str, Any]] = {
    "bytes": os.urandom(LARGE),
    "array": array("d", range(LARGE // 8)),
}


def _rate(value: object, casts: int) -> float:
    otpy.call("counter", "get_count")
    began = time.perf_counter()
    for _ in range(casts):
        otpy.cast("counter", "take", value)
    otpy.call("counter", "get_count")
    return casts / (time.perf_counter() - began)


class Slow(otpy.GenServer):
    """Takes casts more slowly than anybody sends them, or none."""

    @otpy.cast
    def wait_a_little(self, value: str) -> None:
        """Take a millisecond."""
        del value
        time.sleep(0.001)

    @otpy.cast
    def stay_stuck(self) -> None:
        """Never come back."""
        while True:
            time.sleep(1000)


def nothing() -> None:
    """Be a child that ends at once."""


def add_up(one: int, two: int) -> int:
    """Be a task."""
    return one + two
