"""Servers for the rows of the GenServer contract that `workers.Contract` leaves out."""

import os
from pathlib import Path

from otpy import Caller, GenServer, NoReply, Reply, Stop, Timeout, TimerRef, call, cast
from tests.support.workers import Contract, note


class Timed(GenServer):
    """Has timers by name, and notes what arrives."""

    def init(self, log: str) -> None:
        self.log = log
        self.timers: dict[str, TimerRef] = {}

    def handle_info(self, message: object) -> object:
        note(self.log, "info", message)
        return None

    @call
    def start(self, name: str, seconds: float) -> None:
        self.timers[name] = self.send_after(seconds, name)

    @call
    def cancel(self, name: str) -> float | None:
        return self.cancel_timer(self.timers[name])

    @call
    def start_and_cancel(self, count: int) -> bool:
        left = [self.cancel_timer(self.send_after(3600.0, n)) for n in range(count)]
        return all(seconds is not None and 3000 < seconds <= 3600 for seconds in left)

    @call
    def cancel_nonsense(self) -> object:
        return self.cancel_timer("nonsense")  # type: ignore[arg-type]


class CancelsWhatIsDue(GenServer):
    """Has two messages due at once; the first to arrive cancels the other."""

    def init(self, log: str) -> None:
        self.log = log
        self.timers = {name: self.send_after(0.0, name) for name in ("first", "second")}

    def handle_info(self, message: object) -> object:
        note(self.log, "info", message)
        if message == "first":
            note(self.log, "left", self.cancel_timer(self.timers["second"]))
            note(self.log, "left", self.cancel_timer(self.timers["second"]))
            note(self.log, "left", self.cancel_timer(self.timers["first"]))
            self.send_after(0.0, "last")
        return None


class Stopping(GenServer):
    """Notes what it handles; can be stuck until somebody writes into LOG.fifo."""

    def init(self, log: str, terminate: str = "note") -> None:
        self.log, self.how_to_end = log, terminate

    @cast
    def add(self, number: int) -> None:
        note(self.log, number)

    @call
    def wait(self) -> str:
        note(self.log, "waits")
        Path(f"{self.log}.fifo").read_bytes()
        return "waited"

    @call
    def timeout_soon(self) -> Reply:
        return Reply("soon", then=Timeout(0.01))

    def handle_info(self, message: object) -> object:
        return Stop(message)

    def terminate(self, reason: str) -> None:
        note(self.log, "terminate", reason)
        match self.how_to_end:
            case "raise":
                raise LookupError("terminate failed")
            case "kill":
                os.kill(os.getpid(), 9)


class StoppingUntrapped(Stopping):
    """Does not trap exits."""

    trap_exit = False


class ContractUntrapped(Contract):
    """Does not trap exits."""

    trap_exit = False


class Waiting(GenServer):
    """Keeps callers in a set."""

    def init(self) -> None:
        self.waiting: set[Caller] = set()

    def handle_call(self, request: object, caller: Caller) -> object:
        match request:
            case ("wait", *_):
                self.waiting.add(caller)
                return NoReply
            case ("forward", str(name)):
                call(name, "take", caller)
                return NoReply
        return super().handle_call(request, caller)

    @call
    def take(self, caller: Caller) -> None:
        self.waiting |= {caller}

    @call
    def release(self, value: object) -> int:
        released, self.waiting = self.waiting, set()
        for caller in released:
            caller.reply(value)
        return len(released)
