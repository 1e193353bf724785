"""The wait of a thread for an answer, and the ways in which its request may fail."""

from typing import Generic, TypeVar

from otpy.errors import OtpyError
from otpy.system.locks import LockType

AnswerT = TypeVar("AnswerT")


class NotDelivered(OtpyError):
    """The connection ended before the other end had the whole request: it never ran."""


class Lost(OtpyError):
    """The connection ended after the request was sent: it is unknown whether it ran."""


class Waiter(Generic[AnswerT]):
    """The wait for an answer.

    Attributes:
        answer: It, once it is there.
        end: How many bytes were written with the request, and all before.
        abandoned: The answer will not be read.
        wakeup: Set while the thread that waits sleeps.
    """

    # In the class: most waiters never have another `abandoned` or `wakeup`, and many are made.
    answer: AnswerT | None = None
    end = 0
    abandoned = False
    wakeup: LockType | None = None

    def wake(self) -> None:
        """Wake the thread up, if it sleeps; once too often does no harm."""
        if self.wakeup is not None:
            try:
                self.wakeup.release()
            except RuntimeError:
                return  # it is awake already
