"""Workers that send each other what is large. Nodes under test import them."""

import asyncio
import contextlib
import os
import pickle
import resource
import signal
import threading
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import otpy
from otpy import GenServer, NoReply, Stop, aio, call, cast
from tests.support.peer_workers import Buffer, Unpicklable, told
from tests.support.workers import note

_NOTED = 20
"""The number of what is noted when it was taken."""

KINDS = ("bytes", "bytearray", "array", "buffer", "string", "integers", "mixture")


def value_of(kind: str, size: int, seed: int = 0) -> Any:
    """Make a value of about `size` bytes; each seed gives another."""
    content = (bytes(range(seed % 256, 256)) + bytes(range(seed % 256))) * (size // 256 + 1)
    content = content[:size]
    half = content[: size // 2]
    kinds: dict[str, Callable[[], Any]] = {
        "bytes": lambda: content,
        "bytearray": lambda: bytearray(content),
        "array": lambda: array("B", content),
        "buffer": lambda: Buffer(content),
        "string": lambda: content.decode("latin-1"),
        "integers": lambda: list(content[: size // 3]),
        "mixture": lambda: ["put", half, seed, array("B", half[:-1]), (Buffer(half[:-2]),)],
    }
    return kinds[kind]()


def checksum(value: Any) -> int:
    """Return a checksum that differs for two values."""
    return zlib.crc32(value if isinstance(value, bytes) else pickle.dumps(value, 5))


class Taker(GenServer):
    """Gets what is large.

    Args (of the tree):
        log: The file to report to; beside it is the pipe, LOG.fifo, that `hold` waits for.
    """

    def init(self, log: str) -> None:
        self.log = log
        self.taken: list[tuple[int, int, int]] = []
        self.kept: list[Any] = []

    def handle_call(self, request: Any, caller: Any) -> Any:
        match request:
            case ("give by a thread", size, seed):
                threading.Thread(target=lambda: caller.reply(value_of("bytes", size, seed))).start()
                return NoReply
            case ("give and end", size):
                return Stop("normal", reply=bytes(size))
        return super().handle_call(request, caller)

    @call
    def echo(self, value: Any) -> Any:
        return value

    @call
    def give(self, kind: str, size: int, seed: int) -> Any:
        return value_of(kind, size, seed)

    @call
    def keep_as_it_is(self, value: Any) -> int:
        self.kept.append(value)
        return len(self.kept)

    @call
    def checksums(self) -> list[int]:
        return [checksum(value) for value in self.kept]

    @call
    def all_taken(self) -> list[tuple[int, int, int]]:
        return self.taken

    @call
    def pid(self) -> int:
        return os.getpid()

    @cast
    def take(self, number: int, value: Any) -> None:
        self.taken.append((number, len(value), checksum(value)))
        if number == _NOTED:
            note(self.log, "took", number)

    @cast
    def hold(self) -> None:
        """Take nothing until somebody opens the pipe to write."""
        note(self.log, "holds", self.name)
        Path(f"{self.log}.fifo").open("rb").close()


class Giver(GenServer):
    """Sends what is large."""

    @call
    def pass_each(self, name: str, kind: str, size: int, times: int) -> int:
        """Send a value to and fro so often; return how often it was the same."""
        same = 0
        for seed in range(times):
            value = value_of(kind, size, seed)
            back = otpy.call(name, "echo", value, timeout=None)
            same += type(back) is type(value) and back == value
        return same

    @call
    def have_kept(self, name: str, kind: str, size: int, times: int) -> bool:
        """Keep different values; return whether they still are what they were at the end."""
        values = [value_of(kind, size, seed) for seed in range(times)]
        for value in values:
            otpy.call(name, "keep_as_it_is", value, timeout=None)
        return bool(otpy.call(name, "checksums", timeout=None) == [checksum(v) for v in values])

    @call
    def stream(self, name: str, sizes: list[int], times: int) -> bool:
        """Cast values of all these sizes in turn; return whether they came as they were sent."""
        sent = []
        for number in range(times):
            value = value_of("bytes", sizes[number % len(sizes)], number)
            sent.append((number, len(value), checksum(value)))
            otpy.cast(name, "take", number, value, timeout=None)
        return bool(otpy.call(name, "all_taken", timeout=None) == sent)

    @call
    def fill(self, name: str, size: int, seconds: float) -> int:
        """Cast until no more is taken; return how many were."""
        for number in range(1000):
            try:
                otpy.cast(name, "take", number, value_of("bytes", size, number), timeout=seconds)
            except otpy.CallTimeout:
                return number
        raise AssertionError("it takes everything")

    @call
    def cast_one(self, name: str, number: int, size: int) -> list[Any]:
        value = value_of("bytes", size, number)
        return told(lambda: otpy.cast(name, "take", number, value, timeout=None))

    @call
    def interrupted(self, name: str, size: int) -> str:
        """Cast, and have a signal handler raise an exception meanwhile."""

        def interrupt(*_: object) -> None:
            raise InterruptedError("on purpose")

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            otpy.cast(name, "take", -1, bytes(size), timeout=None)
        except InterruptedError as error:
            return str(error)
        finally:
            signal.signal(signal.SIGALRM, before)
        return "not interrupted"

    @call
    def call_one(self, name: str, size: int, seconds: float | None) -> list[Any]:
        value = value_of("bytes", size)
        return told(lambda: otpy.call(name, "echo", value, timeout=seconds) == value)

    @call
    def ask_for_all(self, name: str, size: int, times: int) -> list[bool]:
        """Request many large answers before the first is looked at."""
        pending = [
            otpy.send_request(name, "give", "bytes", size, seed, timeout=None)
            for seed in range(times)
        ]
        otpy.call(name, "pid", timeout=None)
        return [
            each.result(timeout=None) == value_of("bytes", size, seed)
            for seed, each in enumerate(pending)
        ]

    @call
    def last_of(self, name: str, size: int) -> list[Any]:
        return told(lambda: len(otpy.call(name, "give and end", size, timeout=None)))

    @call
    def ask_and_hold(self, name: str, size: int, log: str) -> list[Any]:
        """Ask for something large, and do not read it until somebody opens the pipe to write."""
        pending = otpy.send_request(name, "give", "bytes", size, 0, timeout=None)
        note(log, "holds", self.name)
        Path(f"{log}.fifo").open("rb").close()
        return told(lambda: len(pending.result(timeout=None)))

    @call
    def ask_threads(self, name: str, sizes: list[int], times: int) -> list[bool]:
        """Answer by many threads of the server at the same time."""
        asked = [(sizes[seed % len(sizes)], seed) for seed in range(times)]
        pending = [
            otpy.send_request(name, "give by a thread", *each, timeout=None) for each in asked
        ]
        return [
            each.result(timeout=None) == value_of("bytes", sent[0], sent[1])
            for each, sent in zip(pending, asked, strict=True)
        ]

    @call
    def in_threads(self, name: str, sizes: list[int], threads: int, times: int) -> list[Any]:
        """Call from many threads at the same time; return what was wrong."""
        wrong: list[Any] = []

        def run(number: int) -> None:
            for turn in range(times):
                size = sizes[(number + turn) % len(sizes)]
                value = value_of("bytes", size, number + turn)
                try:
                    otpy.cast(name, "take", number, value[: size // 2], timeout=None)
                    if otpy.call(name, "echo", value, timeout=None) != value:
                        wrong.append((number, turn))
                except otpy.OtpyError as error:
                    wrong.append(repr(error))

        running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return wrong

    @call
    def unreadable(self, name: str, size: int) -> list[Any]:
        """Send something large of a class that only this process has."""
        local = type("Local", (), {"__module__": __name__})
        globals()["Local"] = local
        return told(lambda: otpy.call(name, "echo", [bytes(size), local()], timeout=None))

    @call
    def unpicklable(self, name: str, size: int) -> list[Any]:
        return told(lambda: otpy.call(name, "echo", [bytes(size), Unpicklable()]))

    @call
    def shm_in_a_fork(self) -> list[str]:
        """Return what a forked process has of the memory."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, repr(len(shm_maps("self"))).encode())
            os._exit(0)
        os.close(write)
        os.waitpid(pid, 0)
        seen = os.read(read, 100).decode()
        os.close(read)
        return [seen, str(len(shm_maps("self")))]

    @call
    def use_up_descriptors(self, left: int) -> None:
        """Leave so many, and no more."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        used = []
        with contextlib.suppress(OSError):
            while True:
                used.append(os.dup(0))
        for fd in used[:left]:
            os.close(fd)


class AsyncGiver(GenServer):
    """Sends what is large from an event loop."""

    @call
    async def pass_each(self, name: str, kind: str, size: int, times: int) -> int:
        same = 0
        for seed in range(times):
            value = value_of(kind, size, seed)
            back = await aio.call(name, "echo", value, timeout=None)
            same += type(back) is type(value) and back == value
        return same

    @call
    async def stream(self, name: str, sizes: list[int], times: int) -> bool:
        sent = []
        for number in range(times):
            value = value_of("bytes", sizes[number % len(sizes)], number)
            sent.append((number, len(value), checksum(value)))
            await aio.cast(name, "take", number, value, timeout=None)
        return bool(await aio.call(name, "all_taken", timeout=None) == sent)

    @call
    async def at_once(self, name: str, size: int, times: int) -> list[bool]:
        async def one(seed: int) -> bool:
            value = value_of("bytes", size, seed)
            return bool(await aio.call(name, "echo", value, timeout=None) == value)

        return list(await asyncio.gather(*map(one, range(times))))

    @call
    async def cancelled(self, name: str, size: int, times: int) -> int:
        """Begin calls that are cancelled at once; return what a later one says."""
        for seed in range(times):
            call_ = asyncio.create_task(aio.call(name, "echo", value_of("bytes", size, seed)))
            for _ in range(seed % 5):
                await asyncio.sleep(0)
            call_.cancel()
        return await aio.call(name, "pid", timeout=None)  # type: ignore[no-any-return]


def shm_maps(pid: int | str) -> list[str]:
    """List what a process has of the memory that large values lie in."""
    return [
        line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "otpy: shm" in line
    ]
