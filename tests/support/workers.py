"""Workers that do on demand what goes wrong in practice. Nodes under test import them.

What they have to report they write into a log file, one JSON array a line, opened to append.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from otpy import (
    Call,
    Caller,
    Continue,
    GenServer,
    Ignore,
    NoReply,
    Refused,
    Reply,
    Stop,
    Timeout,
    call,
    cast,
    receive,
)
from otpy.server.context import current

_libc = ctypes.CDLL(None)


def note(log: str, *entry: object) -> None:
    """Append an entry to a log."""
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, msgspec.json.encode(entry) + b"\n")
    finally:
        os.close(fd)


def count(log: str, name: str) -> int:
    """Return how often this was called before with these arguments, over all processes."""
    with contextlib.suppress(FileNotFoundError):
        before = Path(log).read_text().splitlines().count(f'["counted","{name}"]')
        note(log, "counted", name)
        return before
    note(log, "counted", name)
    return 0


def sleep_in_c() -> None:
    """Sleep where Python's signal handlers do not run."""
    while True:
        _libc.sleep(1000)


class Remote(GenServer):
    """Does as it is told.

    Args (of the tree):
        log: The file to report to.
        init: What happens at the first, second ... start: ``ok``, ``error``, ``ignore``,
            ``hang``, ``sleep_in_c``, ``deaf`` (ignores SIGTERM and hangs), ``fifo`` (waits
            until somebody writes into LOG.fifo), ``exit``, ``stop``, ``kill``;
            after the list ``ok``.
        terminate: ``note``; ``hang``, ``sleep_in_c``, ``fifo``, ``raise`` or ``exit`` after that.
    """

    def init(self, log: str, init: tuple[str, ...] = (), terminate: str = "note") -> object:
        self.log, self.how_to_end = log, terminate
        self.count = 0
        self.kept: list[object] = []
        number = count(f"{log}.starts", self.name) if init else 0
        outcome = init[number] if number < len(init) else "ok"
        note(log, "init", self.name, current().incarnation, outcome)
        match outcome:
            case "error":
                raise RuntimeError("init failed")
            case "ignore":
                return Ignore
            case "stop":
                return Stop("not today")
            case "exit":
                os._exit(7)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "fifo":
                Path(f"{log}.fifo").read_bytes()
            case "hang":
                signal.pause()
            case "sleep_in_c":
                sleep_in_c()
            case "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                note(log, "deaf")
                sleep_in_c()
        return None

    def terminate(self, reason: str) -> None:
        note(self.log, "terminate", self.name, current().incarnation, reason)
        match self.how_to_end:
            case "hang":
                while True:
                    signal.pause()
            case "sleep_in_c":
                sleep_in_c()
            case "fifo":
                Path(f"{self.log}.fifo").read_bytes()
            case "raise":
                raise LookupError("terminate failed")
            case "exit":
                os._exit(9)

    # ---- a state -----------------------------------------------------------------------------

    @call
    def increment(self) -> int:
        self.count += 1
        return self.count

    @cast
    def increment_later(self) -> None:
        self.count += 1

    @call
    def get_count(self) -> int:
        return self.count

    @call
    def identity(self) -> list[int]:
        return [os.getpid(), current().incarnation]

    @call
    def number(self) -> list[object]:
        return [self.instance, self.name, current().incarnation]

    @call
    def note_once(self, number: int) -> int:
        note(self.log, "ran", number)
        return number

    @cast
    def note_number(self, text: str) -> None:
        note(self.log, text, self.instance)

    # ---- ends --------------------------------------------------------------------------------

    @call
    def crash(self, text: str = "told to") -> None:
        raise RuntimeError(text)

    @cast
    def crash_later(self, text: str = "told to") -> None:
        raise RuntimeError(text)

    @call
    def exit(self, code: int) -> None:
        os._exit(code)

    @call
    def sys_exit(self, code: object = None) -> None:
        sys.exit(code)  # type: ignore[arg-type]

    @call
    def stop(self, reason: object) -> Stop:
        return Stop(tuple(reason) if isinstance(reason, list) else reason)

    @call
    def stop_with_reply(self, reason: object, reply: object) -> Stop:
        return Stop(reason, reply=reply)

    @cast
    def stop_later(self, reason: object) -> Stop:
        return Stop(tuple(reason) if isinstance(reason, list) else reason)

    @call
    def signal(self, number: int) -> None:
        os.kill(os.getpid(), number)

    # ---- stuck -------------------------------------------------------------------------------

    @call
    def hang(self, how: str = "python") -> None:
        note(self.log, "hangs", self.name)
        if how == "c":
            sleep_in_c()
        while True:
            signal.pause()

    @cast
    def await_fifo(self) -> None:
        note(self.log, "awaits")
        Path(f"{self.log}.fifo").read_bytes()

    @cast
    def hang_later(self, how: str = "python") -> None:
        self.hang(how)

    @call
    def ignore_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    # ---- grandchildren -----------------------------------------------------------------------

    @call
    def fork(self, how: str) -> int:
        return fork(how)

    # ---- output and memory -------------------------------------------------------------------

    @call
    def say(self, text: str, stream: str = "stdout") -> None:
        getattr(sys, stream).write(text)
        getattr(sys, stream).flush()

    @call
    def close_output(self) -> None:
        os.close(1)
        os.close(2)

    @call
    def allocate(self, size: int) -> int:
        self.kept.append(b"x" * size)
        return size

    @cast
    def allocate_later(self, size: int) -> None:
        self.kept.append(b"x" * size)

    @call
    def echo(self, value: object) -> object:
        return value

    @call
    def huge(self, size: int) -> bytes:
        return bytes(size)

    @call
    def unsendable(self) -> object:
        return object()


def fork(how: str) -> int:
    """Start a process that never ends; return its pid.

    ``plain`` forks one that holds every descriptor, ``setsid`` one in a session of its own,
    ``daemon`` one that nobody is the parent of, ``stubborn`` a daemon that ignores signals,
    ``command`` runs a program.
    """
    if how == "command":
        return subprocess.Popen(["sleep", "100000"]).pid
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        text = os.read(read, 20)
        os.close(read)
        if how in ("daemon", "stubborn"):
            os.waitpid(pid, 0)
        return int(text)
    if how != "plain":
        os.setsid()
    if how in ("daemon", "stubborn") and os.fork():
        os._exit(0)
    if how == "stubborn":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    os.write(write, str(os.getpid()).encode())
    while True:
        signal.pause()


# ---- functions -------------------------------------------------------------------------------


def returns(log: str) -> None:
    """Be done at once."""
    note(log, "returns")


def raises(text: str) -> None:
    """Fail."""
    raise RuntimeError(text)


def exits(code: int) -> None:
    """Exit as a script does."""
    sys.exit(code)


def waits() -> None:
    """Wait for ever."""
    receive()


def answers(log: str) -> None:
    """Answer calls, note everything else, and end at ``end``."""
    while True:
        match receive():
            case Call(request=("wait", float(seconds)), caller=caller):
                try:
                    caller.reply(receive(timeout=seconds))
                except TimeoutError as error:
                    caller.reply(str(error))
            case Call(request="never"):
                note(log, "left unanswered")
            case Call(request=request, caller=caller):
                caller.reply(["answer to", request])
            case "end":
                return
            case message:
                note(log, "received", message)


def deaf(log: str) -> None:
    """Ignore SIGTERM, and say so."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(log, "deaf")
    sleep_in_c()


class Untrapped(Remote):
    """Does not trap exits."""

    trap_exit = False


class NoServer:
    """Neither a GenServer nor a function."""


A_NUMBER = 5


class OutOfStock(Refused):
    """A refusal of the user's own."""


class Unprintable(Exception):
    """Cannot be turned into text."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Contract(GenServer):
    """Returns from its callbacks whatever it is told to, and notes which of them ran."""

    def init(self, log: str, result: str = "None") -> object:
        self.log = log
        self.waiting: list[Caller] = []
        return RESULTS[result]

    def handle_call(self, request: object, caller: Caller) -> object:  # noqa: C901  # a table
        match request:
            case ("return", str(result)):
                if result == "NoReply":
                    note(self.log, "call", result)
                return RESULTS[result]
            case ("refuse oddly", str(how)):
                raise REFUSALS[how]
            case "later":
                self.waiting.append(caller)
                return NoReply
            case ("answer all", value):
                for each in self.waiting:
                    each.reply(value)
                    each.reply("a second time")
                return len(self.waiting)
            case ("reply and raise", value):
                caller.reply(value)
                raise RuntimeError("after the reply")
            case ("refuse", str(text)):
                raise Refused(text)
            case ("after", float(seconds), message):
                self.send_after(seconds, message)
                return None
            case "notes":
                return "here"
        return super().handle_call(request, caller)

    def handle_cast(self, request: object) -> object:
        match request:
            case ("return", str(result)):
                note(self.log, "cast", result)
                return RESULTS[result]
            case ("refuse", str(text)):
                raise Refused(text)
            case ("note", text):
                note(self.log, "cast", text)
                return None
        return super().handle_cast(request)

    def handle_info(self, message: object) -> object:
        match message:
            case ("return", str(result)):
                note(self.log, "info", result)
                return RESULTS[result]
        note(self.log, "info", message)
        return None

    def handle_continue(self, argument: object) -> object:
        note(self.log, "continue", argument)
        match argument:
            case int(number) if number > 0:
                return Continue(number - 1)
            case "stop":
                return Stop("continued")
            case "raise":
                raise RuntimeError("continued")
        return None

    def terminate(self, reason: str) -> None:
        note(self.log, "terminate", reason)

    @call
    def add(self, one: int, two: int = 1, *, three: int = 0) -> int:
        return one + two + three

    @call
    def type_error(self) -> None:
        raise TypeError("of its own")

    @cast
    def put(self, value: object) -> None:
        note(self.log, "put", value)

    def not_marked(self) -> str:
        return "never to be seen"


REFUSALS = {
    "subclass": OutOfStock("apple", 5),
    "object": Refused(object()),
    "surrogate": Refused("bad \udcff byte"),
    "unprintable": Refused(Unprintable()),
}

RESULTS: dict[str, object] = {
    "None": None,
    "Ignore": Ignore,
    "Continue": Continue("go on"),
    "Continue 2": Continue(2),
    "Continue stop": Continue("stop"),
    "Continue raise": Continue("raise"),
    "Timeout": Timeout(0.01),
    "Timeout 0": Timeout(0),
    "long Timeout": Timeout(3600),
    "Stop": Stop(),
    "Stop why": Stop("why"),
    "Stop with reply": Stop("why", reply="a reply"),
    "Stop with None": Stop("why", reply=None),
    "Reply": Reply("a reply"),
    "Reply None": Reply(None),
    "Reply and Continue": Reply("a reply", then=Continue(1)),
    "Reply and Timeout": Reply("a reply", then=Timeout(0.01)),
    "Reply and Stop": Reply("a reply", then=Stop("done")),
    "NoReply": NoReply,
    "nonsense": 5,
    "object": object(),
}
"""What a callback may return, by name; some of it wrong."""


class Texts(GenServer):
    """Raises with odd texts."""

    def handle_call(self, request: object, caller: Caller) -> object:
        match request:
            case ("raise", str(escaped), int(length)):
                text = escaped.encode().decode("unicode_escape")
                raise RuntimeError(text * (length // len(text)))
            case "raise unprintable":
                raise Unprintable
        return super().handle_call(request, caller)


class FailsAtLength(GenServer):
    """Cannot be started, and says much about it."""

    def init(self, size: int) -> None:
        raise RuntimeError("x" * size)


def computes() -> None:
    """Be busy for ever."""
    while True:
        sum(range(1000))


class Scripted(GenServer):
    """A worker of tests/data/otp-traces: logs its callbacks, with the time before each entry.

    Args (of the tree):
        log: The file to report to.
        id: Its name in the log.
        init: The outcomes of its first starts: ``ok``, ``error`` or ``ignore``.
        hangs: Whether its terminate callback never returns.
    """

    def init(self, log: str, id: str, init: list[str], hangs: bool) -> object:  # noqa: A002
        self.log, self.id, self.hangs = log, id, hangs
        start = current().incarnation
        outcome = init[start - 1] if start <= len(init) else "ok"
        self.note("init", outcome)
        match outcome:
            case "error":
                return Stop("init_failed")
            case "ignore":
                return Ignore
        return None

    def note(self, event: str, word: str) -> None:
        note(self.log, time.time(), event, self.id, current().incarnation, word)

    def handle_cast(self, request: object) -> object:
        match request:
            case "crash":
                raise RuntimeError("crash")
            case "shutdown_tuple":
                return Stop(("shutdown", "done"))
        return Stop(request)

    def terminate(self, reason: str) -> None:
        words = {"shutdown: done": "shutdown_tuple", "error: RuntimeError: crash": "crash"}
        self.note("terminate", words.get(reason, reason))
        while self.hangs:
            signal.pause()


class ScriptedUntrapped(Scripted):
    """The same, but it does not trap exits."""

    trap_exit = False
