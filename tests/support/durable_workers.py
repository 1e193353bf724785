"""Durable servers, for tests."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import otpy
from otpy import Caller, GenServer, Refused, call, cast, tasks
from otpy.aio import tasks as aio_tasks


class Counter(GenServer):
    """A count."""

    count: int

    def init(self, initial: int = 0) -> None:
        self.count = initial

    @call
    def get(self) -> int:
        return self.count

    @call
    def increment(self, amount: int = 1) -> int:
        self.count += amount
        return self.count

    @cast
    def add(self, amount: int) -> None:
        self.count += amount

    @call
    def refuse(self) -> None:
        self.count += 1
        raise Refused("no")

    @call
    def crash(self, told: str = "") -> None:
        self.count += 1000
        if told:
            otpy.cast(told, "add", 1000)
        raise ValueError("as it was asked to")

    @call
    def stop_with(self, reply: int) -> Any:
        self.count += reply
        return otpy.Stop("normal", reply=self.count)

    def handle_call(self, request: object, caller: Caller) -> object:
        if request == "later":
            self.count += 1
            self._caller = caller
            return otpy.NoReply
        if request == "now":
            self._caller.reply(self.count)
            return None
        if request == "by another":
            self.count += 1
            otpy.cast("helper", "answer", caller, self.count)
            return otpy.NoReply
        return super().handle_call(request, caller)


class Resetting(Counter):
    """Forgets its state."""

    @call
    def begin_anew(self) -> Any:
        self.count += 1
        self.store.reset()  # type: ignore[attr-defined]
        return otpy.Stop("normal", reply=self.count)


class Keeping(Counter):
    """Has an attribute of its own that is called `store`."""

    def init(self, initial: int = 0) -> None:
        super().init(initial)
        self.store = [1, 2]

    @call
    def stored(self) -> list[int]:
        return self.store


class DurableCounter(Counter):
    """It says itself that it is durable."""

    durable = True


class DiskCounter(Counter):
    """It survives a loss of power."""

    durable = "disk"


class AsyncCounter(GenServer):
    """A count, on an event loop."""

    count: int

    async def init(self) -> None:
        self.count = 0

    @call
    async def get(self) -> int:
        return self.count

    @call
    async def increment(self, amount: int = 1) -> int:
        self.count += amount
        return self.count

    @cast
    async def add(self, amount: int) -> None:
        self.count += amount

    @call
    async def crash(self, told: str = "") -> None:
        self.count += 1000
        if told:
            await otpy.aio.cast(told, "add", 1000)
        raise ValueError("as it was asked to")

    @call
    async def pass_on(self, told: str, amount: int) -> int:
        self.count += amount
        await otpy.aio.cast(told, "add", amount)
        return self.count

    async def handle_info(self, message: Any) -> None:
        told, amount = message
        self.count += amount
        await otpy.aio.cast(told, "add", amount)

    @call
    async def later(self, seconds: float, told: str, amount: int) -> None:
        self.send_after(seconds, (told, amount), durable=True)

    @call
    async def begin(self, path: str) -> str:
        self.count += 1
        return await aio_tasks.start(write_file, path)


@dataclass
class Account:
    """A row."""

    owner: str
    balance: int = 0
    tags: list[str] = field(default_factory=list)


class Bank(GenServer):
    """A table of accounts."""

    accounts: otpy.Table[str, Account]

    def init(self, number: int = 3, balance: int = 100) -> None:
        self.accounts = otpy.Table()
        for each in range(number):
            self.accounts[f"a{each}"] = Account(f"owner {each}", balance)

    @call
    def move(self, one: str, other: str, amount: int) -> None:
        with self.accounts.edit(one) as payer, self.accounts.edit(other) as payee:
            payer.balance -= amount
            payee.balance += amount

    @call
    def half_a_move(self, one: str, amount: int) -> None:
        with self.accounts.edit(one) as payer:
            payer.balance -= amount
        raise ValueError("in the middle")

    @call
    def forgotten(self, name: str) -> int:
        self.accounts[name].balance = -1
        return self.accounts[name].balance

    @call
    def balances(self) -> dict[str, int]:
        return {name: account.balance for name, account in self.accounts.items()}

    @call
    def size(self) -> int:
        return len(self.accounts)

    @call
    def empty(self) -> None:
        self.accounts = otpy.Table(str, Account)

    @call
    def drop(self) -> None:
        del self.accounts


class Everything(GenServer):
    """Sends in every way, after it has changed."""

    count: int

    def init(self) -> None:
        self.count = 0

    @call
    def send(self, told: str, path: str, fails: bool = False) -> int:
        self.count += 1
        otpy.cast(told, "add", 1)
        otpy.dispatch("listeners", ("info", self.count))
        tasks.start(write_file, path)
        if fails:
            raise ValueError("after all of it was sent")
        return self.count

    @call
    def awaits(self, number: int) -> int:
        return int(tasks.async_(double, number).result())

    @call
    def in_a_thread(self, told: str) -> None:
        threading.Thread(target=otpy.cast, args=(told, "add", 1)).start()


class Listener(GenServer):
    """Counts what is sent to it."""

    def init(self) -> None:
        self.count = 0
        self.heard: list[object] = []
        self.waiting: list[tuple[int, int, Caller]] = []
        otpy.register("listeners")

    def handle_call(self, request: object, caller: Caller) -> object:
        match request:
            case ("await", int(count), int(heard)):
                self.waiting.append((count, heard, caller))
                self.answer()
                return otpy.NoReply
        return super().handle_call(request, caller)

    def answer(self) -> None:
        for count, heard, caller in self.waiting:
            if self.count >= count and len(self.heard) >= heard:
                caller.reply((self.count, self.heard))

    @cast
    def add(self, amount: int) -> None:
        self.count += amount
        self.answer()

    def handle_info(self, message: object) -> None:
        self.heard.append(message)
        self.answer()

    @call
    def state(self) -> tuple[int, list[object]]:
        return self.count, self.heard


class Continuing(GenServer):
    """Continues after a commit: what it reads then is what is stored."""

    count: int
    seen: int

    def init(self) -> None:
        self.count, self.seen = 0, -1

    @call
    def go(self) -> object:
        self.count += 1
        return otpy.Reply(self.count, then=otpy.Continue("go on"))

    def handle_continue(self, argument: object) -> None:
        assert argument == "go on"
        self.seen = self.count
        raise ValueError("after the commit")

    @call
    def both(self) -> tuple[int, int]:
        return self.count, self.seen


class Timed(GenServer):
    """Sends itself messages."""

    got: list[int]

    def init(self) -> None:
        self.got = []
        self.resumed()

    def resumed(self) -> None:
        self._timers: dict[int, otpy.TimerRef] = {}
        self._waiting: list[tuple[int, Caller]] = []

    def handle_call(self, request: object, caller: Caller) -> object:
        match request:
            case ("await", int(count)):
                self._waiting.append((count, caller))
                self.answer()
                return otpy.NoReply
        return super().handle_call(request, caller)

    def answer(self) -> None:
        for count, caller in self._waiting:
            if len(self.got) >= count:
                caller.reply(self.got)

    @call
    def later(self, seconds: float, number: int) -> None:
        self._timers[number] = self.send_after(seconds, number, durable=True)

    @call
    def cancel(self, number: int) -> bool:
        return self.cancel_timer(self._timers.pop(number)) is not None

    def handle_info(self, message: object) -> None:
        assert isinstance(message, int)
        self.got.append(message)
        self.answer()

    @call
    def all(self) -> list[int]:
        return self.got


class Resuming(GenServer):
    """Opens again what is not stored."""

    path: str

    def init(self, path: str) -> None:
        self.path = path
        self._log: list[str] = ["init"]

    def resumed(self) -> object:
        self._log = ["resumed"]
        return otpy.Continue("more")

    def handle_continue(self, argument: object) -> None:
        self._log.append(str(argument))

    @call
    def log(self) -> list[str]:
        return [*self._log, self.path]


class AsyncResuming(Resuming):
    """The same, on an event loop."""

    async def resumed(self) -> object:
        return super().resumed()


class Unstorable(GenServer):
    """Has what cannot be stored."""

    def init(self, *, at_once: bool = False) -> None:
        self.count = 0
        self.lock: object = threading.Lock() if at_once else None

    @call
    def take(self) -> int:
        self.count += 1
        self.lock = threading.Lock()
        return self.count

    @call
    def get(self) -> int:
        return self.count


class Snapshots(GenServer):
    """Says itself what its state is."""

    def init(self) -> None:
        self.numbers = {1: 2}
        self.lock = threading.Lock()

    def snapshot(self) -> object:
        return list(self.numbers.items())

    def restore(self, value: Any) -> None:
        self.numbers = dict(value)
        self.lock = threading.Lock()

    @call
    def put(self, number: int) -> int:
        self.numbers[number] = number
        return len(self.numbers)


class Versioned(GenServer):
    """Of a version that a file says."""

    version: ClassVar[int] = int(os.environ.get("TEST_VERSION", "1"))

    def init(self) -> None:
        self.cents = 150

    @call
    def state(self) -> dict[str, object]:
        return {"version": self.version, **{n: v for n, v in vars(self).items() if n in _KEPT}}


_KEPT = {"cents", "euros"}

if Versioned.version > 1:

    def _migrate(self: Versioned, old: int, state: dict[str, Any]) -> dict[str, Any]:
        assert old == 1
        return {"euros": state["cents"] / 100}

    Versioned.migrate = _migrate  # type: ignore[attr-defined]


def write_file(path: str) -> None:
    """Leave a trace of a task."""
    with Path(path).open("a") as file:
        file.write("x")


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


class Asker(GenServer):
    """Asks other servers, once."""

    @call
    def ask(self, name: str, amount: int) -> int:
        return int(otpy.call(name, "increment", amount, once=True))


class Helper(GenServer):
    """Answers the calls of others."""

    @cast
    def answer(self, caller: Caller, value: object) -> None:
        caller.reply(value)


class Sneaky(GenServer):
    """Seems to be plain, and answers with a coroutine."""

    count: int

    def init(self) -> None:
        self.count = 0

    def handle_call(self, request: object, caller: Caller) -> object:
        del request, caller
        return self._later()

    async def _later(self) -> int:
        self.count += 1
        return self.count
