"""The servers of `scripts/bench_durable.py`."""

import os

import otpy
from otpy import Caller, GenServer, call


class Counter(GenServer):
    """A count, without any dispatch of otpy's."""

    count: int

    def init(self) -> None:
        """Begin at 0."""
        self.count = 0

    def handle_call(self, request: object, caller: Caller) -> object:
        """Increment."""
        match request:
            case ("increment", int(amount)):
                self.count += amount
                return self.count
        return super().handle_call(request, caller)


class Kibibyte(GenServer):
    """1 KiB of state."""

    text: str
    numbers: list[int]

    def init(self) -> None:
        """Make it."""
        self.text = "x" * 500
        self.numbers = list(range(1000, 1175))

    @call
    def pid(self) -> int:
        """Return its pid."""
        return os.getpid()


class Rows(GenServer):
    """A table."""

    rows: otpy.Table[int, str]

    def init(self, number: int) -> None:
        """Fill it."""
        self.rows = otpy.Table()
        for each in range(number):
            self.rows[each] = "x" * 20

    @call
    def pid(self) -> int:
        """Look up a row, and return the pid."""
        assert self.rows[5]
        return os.getpid()
