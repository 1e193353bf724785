"""Counters to talk to: over a bare `multiprocessing.Pipe`, which is the baseline, and otpy's."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import otpy

from .procs import descendants

Increment: TypeAlias = Callable[[], object]

FORK: Final = multiprocessing.get_context("fork")
NAME: Final = "bench"
UNDER_WAY: Final = 64
_REQUEST: Final = ("call", 17, ("increment", 1))
_TREE: Final = f"""
name: {NAME}
children:
  - {{id: counter, start: 'scripts.benchlib.counters:Tally'}}
  - {{id: customer, start: 'scripts.benchlib.counters:Customer'}}
  - {{id: slow, start: 'scripts.benchlib.counters:Slow'}}
  - {{id: stuck, start: 'scripts.benchlib.counters:Slow', shutdown: brutal_kill}}
"""
_ROOT: Final = Path(__file__).resolve().parent.parent.parent


class Talker(ABC):
    """A counter in a process of its own; a context manager.

    Attributes:
        name: As the table names it.
        pid: The counter's process; the own one where there is no other.
    """

    name: str
    pid: int

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it, whatever happened."""
        self.stop()

    @abstractmethod
    def start(self) -> None:
        """Start the counter."""

    @abstractmethod
    def connect(self, number: int) -> Increment:
        """Be client `number`; return what increments the counter and waits for the answer."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the counter."""


class BarePipe(Talker):
    """The counter that a user would write with `multiprocessing.Pipe`."""

    name = "bare Pipe"

    def __init__(self, clients: int = 1) -> None:
        self._ours, theirs = zip(*(FORK.Pipe() for _ in range(clients)), strict=True)
        self._process = FORK.Process(target=_count, args=(theirs,), daemon=True)

    def start(self) -> None:
        """Fork it."""
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def connection(self, number: int) -> "Connection[Any, Any]":
        """Hand out client `number`'s end."""
        connection: Connection[Any, Any] = self._ours[number]
        return connection

    def connect(self, number: int) -> Increment:
        """Send and receive."""
        connection = self._ours[number]
        send, receive = connection.send, connection.recv

        def increment() -> object:
            send(_REQUEST)
            return receive()

        return increment

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.join()


def _count(connections: "tuple[Connection[Any, Any], ...]") -> None:
    """Be the server; one client is waited for in `recv`, several in `connection.wait`."""
    count = 0
    while True:
        ready = connections if len(connections) == 1 else wait(connections)
        for connection in ready:
            assert isinstance(connection, Connection)
            match connection.recv():
                case ("call", number, ("increment", int(amount))):
                    count += amount
                    connection.send(("reply", number, count))
                case ("cast", ("increment", int(amount))):
                    count += amount
                case ("cast", ("measure", _)):
                    pass
                case ("call", number, ("measure", bytes(data))):
                    connection.send(("reply", number, len(data)))


class Otpy(Talker):
    """``otpy run`` of a tree with a counter, and with a worker that calls it.

    Attributes:
        customer: The pid of that worker.
    """

    name = "otpy"

    def start(self) -> None:
        """Run the node; wait until it is up."""
        self._folder = Path(tempfile.mkdtemp(prefix="otpy-"))
        os.environ["OTPY_DIR"] = str(self._folder)
        tree = self._folder / "bench.yaml"
        tree.write_text(_TREE)
        self._node = subprocess.Popen(
            [sys.executable, "-P", "-m", "otpy", "run", tree], stdout=subprocess.PIPE, cwd=_ROOT
        )
        assert self._node.stdout is not None
        while b" is up" not in self._node.stdout.readline():
            pass
        with otpy.connect(NAME) as node:
            self.pid, self.customer = node["counter"].pid, node["customer"].pid

    def pids(self) -> list[int]:
        """List the processes of the node."""
        return descendants(self._node.pid)

    def connect(self, number: int) -> Increment:
        """Call by name, as users do: with the timeout that a call has unless told otherwise."""
        del number
        counter = otpy.connect(NAME)["counter"]
        return lambda: counter.call("increment", 1)

    def connect_many(self, number: int) -> Increment:
        """Send `UNDER_WAY` requests before the first answer is looked at."""
        del number
        counter = otpy.connect(NAME)["counter"]

        def increments() -> object:
            pending = [counter.send_request("increment", 1) for _ in range(UNDER_WAY)]
            return [each.result() for each in pending]

        return increments

    def stop(self) -> None:
        """Stop it in order."""
        self._node.terminate()
        self._node.communicate()
        shutil.rmtree(self._folder)


class Crowd:
    """Clients, each a process of its own, that wait for the word to call."""

    def __init__(self, talker: Talker, size: int, connect: Callable[[int], Increment]) -> None:
        self._pipes = []
        self._processes = []
        for number in range(size):
            ours, theirs = FORK.Pipe()
            process = FORK.Process(target=_client, args=(connect, number, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()
        self.pids = [talker.pid, *(process.pid or 0 for process in self._processes)]

    def rate(self, calls: int) -> float:
        """Make every client do `calls` calls; return how many there were per second together."""
        for pipe in self._pipes:
            pipe.send(calls)
        times: list[tuple[float, float]] = [pipe.recv() for pipe in self._pipes]
        seconds = max(end for _, end in times) - min(begin for begin, _ in times)
        return len(times) * calls / seconds

    def stop(self) -> None:
        """End them."""
        for process in self._processes:
            process.kill()
            process.join()


def _client(
    connect: Callable[[int], Increment], number: int, orders: "Connection[Any, Any]"
) -> None:
    os.setsid()  # a program of its own, for the scheduler: sessions share the processors
    increment = connect(number)
    increment()
    orders.send("ready")
    while True:
        calls = orders.recv()
        begin = time.monotonic()
        for _ in range(calls):
            increment()
        orders.send((begin, time.monotonic()))
