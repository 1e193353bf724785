"""The result of `send_after`."""

from typing import Any


class TimerRef:
    """A message that is to come later; `GenServer.cancel_timer` takes it.

    Attributes:
        due: When, on the monotonic clock.
        message: The message that the mailbox gets then.
        set: Whether the mailbox still waits for its time.
    """

    __slots__ = ("due", "message", "set")

    def __init__(self, due: float, message: object) -> None:
        self.due, self.set = due, True
        self.message: Any = message
