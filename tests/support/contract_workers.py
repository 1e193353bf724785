"""Servers for the rows of the GenServer contract that `workers.Contract` leaves out."""

from otpy import GenServer, TimerRef, call
from tests.support.workers import note


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
