"""The two requests to end a worker: between two messages, or in its turn among them."""

from dataclasses import dataclass
from typing import final

from otpy.core.exits import ExitReason, Shutdown


class ShutdownRequested(BaseException):
    """The supervisor asked this worker to end; raised between two messages, never in one."""

    reason: ExitReason = Shutdown()


class StopRequested(ShutdownRequested):
    """Another process asked it to, by `Ref.stop`; the messages sent before were handled."""

    def __init__(self, reason: ExitReason) -> None:
        super().__init__()
        self.reason = reason


@final
@dataclass(frozen=True, slots=True)
class StopMarker:
    """The place in the queue of a request to stop this process."""

    reason: ExitReason
