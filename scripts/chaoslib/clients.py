"""Clients that check every answer: threads that share a connection or make their own, and tasks.

They run in a process of their own, ``python -m scripts.chaoslib.clients NODE SEED``, until their
stdin is closed, and tell what they have counted on stdout.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import otpy
import otpy.aio
from otpy import tasks
from otpy.client.events import EventStream
from otpy.errors import (
    CallTimeout,
    NodeNotFound,
    NoProcess,
    OtpyError,
    ProcessDown,
    StartFailed,
    SupervisorError,
)
from scripts.chaoslib.tally import Tally, choices
from scripts.chaoslib.tree import POOL, RELAYS, SERVERS
from scripts.chaoslib.workers import add

TIMEOUT_S: Final = 60.0
"""Of each operation: far more than a recovery takes. Whoever waits longer hangs."""

_LONGEST_S: Final = 3 * TIMEOUT_S + 5
"""Some do three things, one after the other."""

_NODE_IS_DOWN_S: Final = 0.1
_LARGE: Final = 200_000
_RESTS_S: Final = (0.0, 0.0, 0.001, 0.005)
_FAILURES: Final = {
    ProcessDown: "died",
    NoProcess: "no process",
    NodeNotFound: "no node",
    SupervisorError: "refused by a supervisor",
    StartFailed: "start failed",
}


@dataclass
class Known:
    """What a client knows of one incarnation of a server.

    Attributes:
        acknowledged: Calls that were answered.
        begun: Calls that it may have applied.
        casts: Casts that it may have applied.
    """

    acknowledged: int = 0
    begun: int = 0
    casts: int = 0


class Checker:
    """Checks the answers to one client.

    Args:
        name: Of the client, which no other has.
        tally: Where what must not happen is noted.
    """

    def __init__(self, name: str, tally: Tally) -> None:
        self.name, self._tally = name, tally
        self._numbers = itertools.count(1)
        self._unknown: dict[str, int] = defaultdict(int)
        self._casts: dict[str, int] = defaultdict(int)
        self._known: dict[tuple[str, str], Known] = {}

    def next(self) -> int:
        """Return the number of the next request."""
        return next(self._numbers)

    def cast(self, path: str) -> None:
        """Note that a cast was sent, which may arrive or not."""
        self._casts[path] += 1

    def lost(self, path: str) -> None:
        """Note that a call had no answer, and may have been applied or not."""
        self._unknown[path] += 1

    def check(self, path: str, number: int, value: object, answer: Any) -> None:
        """Check an answer: whose it is, and that what was acknowledged before still counts."""
        match answer:
            case [str(incarnation), client, answered, told, int(calls), int(casts), int(twice)]:
                pass
            case _:
                self._tally.violate("wrong answer", f"{self.name} got {answer!r:.200} of {path}")
                return
        if (client, answered, told) != (self.name, number, value):
            wrong = f"{self.name} got the answer {answer!r:.200} to its request {number} at {path}"
            self._tally.violate("wrong answer", wrong)
            return
        if twice:
            self._tally.violate("applied twice", f"{twice} requests at {path}, {incarnation}")
        known = self._known.setdefault((path, incarnation), Known())
        known.acknowledged += 1
        if calls < known.acknowledged:
            self._tally.violate("lost effect", f"{known.acknowledged} answered, {calls} at {path}")
        # Calls without an answer may have been applied by this incarnation or by another one.
        if calls > known.acknowledged + self._unknown[path]:
            self._tally.violate(
                "applied twice", f"{known.acknowledged} answered, {calls} at {path}"
            )
        if casts > self._casts[path]:
            self._tally.violate("applied twice", f"{self._casts[path]} casts, {casts} at {path}")


class Clients:
    """All clients of the node, until they are stopped.

    Args:
        node: Its name.
        tally: Where everything is counted.
        seed: For what they choose to do.
    """

    def __init__(self, node: str, tally: Tally, seed: str) -> None:
        self._node, self._tally, self._seed = node, tally, seed
        self._stopping = threading.Event()
        self._shared: otpy.Node | None = None
        self._sharing = threading.Lock()
        self._events: EventStream | None = None
        self._threads = [
            *(threading.Thread(target=self._run, args=(n, self._share)) for n in range(3)),
            threading.Thread(target=self._run, args=(3, self._own)),
            threading.Thread(target=self._follow),
            threading.Thread(target=self._run_tasks),
        ]

    def start(self) -> None:
        """Start them."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait until all of them have their last answers."""
        self._stopping.set()
        if self._events is not None:
            self._events.close()
        until = time.monotonic() + 2 * TIMEOUT_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                self._tally.violate("hung caller", thread.name)
        if self._shared is not None:
            self._shared.close()

    # ---- threads -----------------------------------------------------------------------------

    def _share(self) -> otpy.Node:
        with self._sharing:
            if self._shared is None:
                self._shared = otpy.connect(self._node, timeout=TIMEOUT_S)
            return self._shared

    def _own(self) -> otpy.Node:
        return otpy.connect(self._node, timeout=TIMEOUT_S)

    def _run(self, number: int, connect: Callable[[], otpy.Node]) -> None:
        client = _Blocking(f"thread-{number}", self._tally, choices(f"{self._seed}/{number}"))
        while not self._stopping.is_set():
            with self._guarded():
                node = connect()
                try:
                    for _ in range(50):
                        if self._stopping.is_set():
                            break
                        with self._timed():
                            client.act(node)
                        time.sleep(client.random.choice(_RESTS_S))
                finally:
                    if connect == self._own:
                        node.close()

    @contextlib.contextmanager
    def _timed(self) -> Any:
        """As `_guarded`, around one operation, which must not last longer than its timeouts."""
        began = time.monotonic()
        with self._guarded():
            yield
        if time.monotonic() - began > _LONGEST_S:
            self._tally.violate("hung caller", f"{time.monotonic() - began:.1f} s")

    @contextlib.contextmanager
    def _guarded(self) -> Any:
        """Count what goes wrong, and note what must not."""
        began = time.monotonic()
        try:
            yield
        except CallTimeout as error:
            waited = time.monotonic() - began
            self._tally.violate("hung caller", f"{error} (after {waited:.1f} s)")
        except OtpyError as error:
            self._count(error)
        except Exception as error:  # noqa: BLE001  # any of them is noted
            self._tally.violate("error", f"{type(error).__name__}: {error}")

    def _count(self, error: OtpyError) -> None:
        for kind, words in _FAILURES.items():
            if isinstance(error, kind):
                self._tally.count(f"operations: {words}")
                break
        else:
            self._tally.violate("error", f"{type(error).__name__}: {error}")
        if isinstance(error, NodeNotFound):
            time.sleep(_NODE_IS_DOWN_S)

    def _follow(self) -> None:
        """Follow the events, which go on when the gateway does."""
        while not self._stopping.is_set():
            with self._guarded(), self._own() as node, node.events(follow=True) as self._events:
                if self._stopping.is_set():
                    break
                for _ in self._events:
                    self._tally.count("events followed")

    # ---- tasks -------------------------------------------------------------------------------

    def _run_tasks(self) -> None:
        asyncio.run(self._all_tasks())

    async def _all_tasks(self) -> None:
        await asyncio.gather(*(self._run_task(number) for number in range(4)))

    async def _run_task(self, number: int) -> None:
        client = _Async(f"task-{number}", self._tally, choices(f"{self._seed}/t{number}"))
        while not self._stopping.is_set():
            with self._guarded():
                async with otpy.aio.connect(self._node, timeout=TIMEOUT_S) as node:
                    for _ in range(100):
                        if self._stopping.is_set():
                            return
                        with self._timed():
                            await client.act(node)
                        await asyncio.sleep(client.random.choice(_RESTS_S))


class _Client:
    """What a client does, one operation at a time, and what it remembers."""

    def __init__(self, name: str, tally: Tally, chosen: random.Random) -> None:
        self.random, self._tally = chosen, tally
        self._checker = Checker(name, tally)
        self._name = name

    def _value(self) -> str:
        size = _LARGE if self.random.random() < 0.03 else self.random.randrange(200)
        return self.random.choice("abcdefghijklmnop") * size

    def _relayed(self, path: str, number: int, value: str, told: Any) -> None:
        self._tally.count("operations: relayed")
        match told:
            case ["answer", answer]:
                self._checker.check(path, number, value, answer)
            case ["error", "ProcessDown" | "NoProcess"]:
                self._checker.lost(path)
            case ["error", "CallTimeout"]:
                self._tally.violate("hung caller", f"a relay waited for {path}")
                self._checker.lost(path)
            case _:
                self._tally.violate("wrong answer", f"a relay to {path} told {told!r:.200}")


class _Blocking(_Client):
    def act(self, node: otpy.Node) -> None:
        """Do one thing."""
        chance = self.random.random()
        if chance < 0.6:
            self._call(node, self.random.choice((*SERVERS, *POOL)))
        elif chance < 0.8:
            self._cast(node, self.random.choice(SERVERS))
        elif chance < 0.9:
            self._relay(node)
        elif chance < 0.95:
            self._task(node)
        else:
            self._child(node)

    def _call(self, node: otpy.Node, path: str) -> None:
        number, value = self._checker.next(), self._value()
        try:
            answer = node[path].call("apply", self._name, number, value, timeout=TIMEOUT_S)
        except OtpyError:
            self._checker.lost(path)
            raise
        self._checker.check(path, number, value, answer)
        self._tally.count("operations: answered")

    def _cast(self, node: otpy.Node, path: str) -> None:
        self._checker.cast(path)
        node[path].cast("note", self._name, self._checker.next(), timeout=TIMEOUT_S)
        self._tally.count("operations: cast")

    def _relay(self, node: otpy.Node) -> None:
        relay, path = self.random.choice(RELAYS), self.random.choice(SERVERS[:4])
        number, value = self._checker.next(), self._value()
        try:
            told = node[relay].call("relay", path, self._name, number, value, timeout=TIMEOUT_S)
        except OtpyError:
            self._checker.lost(path)
            raise
        self._relayed(path, number, value, told)

    def _task(self, node: otpy.Node) -> None:
        one, two = self.random.randrange(1000), self.random.randrange(1000)
        result = tasks.await_(tasks.async_(add, one, two, node=node), timeout=TIMEOUT_S)
        if result != one + two:
            self._tally.violate("wrong answer", f"a task added {one} and {two}: {result!r:.100}")
        self._tally.count("operations: tasks")

    def _child(self, node: otpy.Node) -> None:
        id_ = f"{self._name}-{self._checker.next()}"
        spec = {"id": id_, "start": "scripts.chaoslib.workers:Server", "restart": "temporary"}
        supervisor = node.supervisor("dynamic")
        supervisor.start_child(spec, timeout=TIMEOUT_S)
        try:
            self._call(node, f"dynamic/{id_}")
        finally:
            with contextlib.suppress(SupervisorError):
                supervisor.terminate_child(id_, timeout=TIMEOUT_S)
        self._tally.count("operations: children")


class _Async(_Client):
    async def act(self, node: otpy.aio.Node) -> None:
        """Do one thing."""
        chance = self.random.random()
        if chance < 0.7:
            await self._call(node, self.random.choice((*SERVERS, *POOL)))
        elif chance < 0.85:
            path = self.random.choice(SERVERS)
            self._checker.cast(path)
            await node[path].cast("note", self._name, self._checker.next(), timeout=TIMEOUT_S)
            self._tally.count("operations: cast")
        elif chance < 0.95:
            await self._relay(node)
        else:
            await self._task(node)

    async def _call(self, node: otpy.aio.Node, path: str) -> None:
        number, value = self._checker.next(), self._value()
        try:
            answer = await node[path].call("apply", self._name, number, value, timeout=TIMEOUT_S)
        except OtpyError:
            self._checker.lost(path)
            raise
        self._checker.check(path, number, value, answer)
        self._tally.count("operations: answered")

    async def _relay(self, node: otpy.aio.Node) -> None:
        relay, path = self.random.choice(RELAYS), self.random.choice(SERVERS[:4])
        number, value = self._checker.next(), self._value()
        try:
            told = await node[relay].call(
                "relay", path, self._name, number, value, timeout=TIMEOUT_S
            )
        except OtpyError:
            self._checker.lost(path)
            raise
        self._relayed(path, number, value, told)

    async def _task(self, node: otpy.aio.Node) -> None:
        one, two = self.random.randrange(1000), self.random.randrange(1000)
        task = await otpy.aio.tasks.async_(add, one, two, node=node)
        result = await otpy.aio.tasks.await_(task, timeout=TIMEOUT_S)
        if result != one + two:
            self._tally.violate("wrong answer", f"a task added {one} and {two}: {result!r:.100}")
        self._tally.count("operations: tasks")


def main(node: str, seed: str) -> None:
    """Be clients until stdin is closed."""
    tally = Tally()
    clients = Clients(node, tally, seed)
    clients.start()
    print("begun", flush=True)
    sys.stdin.read()
    clients.stop()
    json.dump(tally.told(), sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # whoever hangs was told, and holds nothing up


if __name__ == "__main__":
    main(*sys.argv[1:])
