"""The servers that otpy runs in the benchmark of messages."""

import time
from typing import Any

import otpy
from otpy.examples.counter import Counter


class CastCounter(Counter):
    """README's counter, which takes ``("increment", amount)`` as a cast, too."""

    def handle_cast(self, request: object) -> object:
        """Count, without an answer."""
        match request:
            case ("increment", int(amount)):
                self.count += amount
                return None
        return super().handle_cast(request)


class Customer(otpy.GenServer):
    """Calls the counter from another worker of the tree."""

    def handle_call(self, request: Any, caller: otpy.Caller) -> object:
        """Answer a number of calls with their times, in µs."""
        del caller
        clock = time.perf_counter_ns
        times = []
        for _ in range(request):
            began = clock()
            otpy.call("counter", "increment", 1)
            times.append((clock() - began) / 1e3)
        return times
