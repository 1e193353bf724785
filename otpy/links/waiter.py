"""Where a thread waits for an answer, and what may become of its request."""

import threading
from typing import Generic, TypeVar

from otpy.errors import OtpyError

AnswerT = TypeVar("AnswerT")


class NotDelivered(OtpyError):
    """The connection ended before the other end had the whole request: it never ran."""


class Lost(OtpyError):
    """The connection ended after the request was sent: nobody knows whether it ran."""


class Seat(Generic[AnswerT]):
    """Where an answer is waited for.

    Attributes:
        answer: It, once it is there.
        end: How many bytes were written with the request, and all before.
        left: Nobody will look at the answer.
        wake: Set while the thread that waits sleeps.
    """

    # In the class, since most seats never have another `left` or `wake`, and many are made.
    answer: AnswerT | None = None
    end = 0
    left = False
    wake: "threading.Lock | None" = None

    def rouse(self) -> None:
        """Wake the thread up, if it sleeps; once too often does no harm."""
        if self.wake is not None:
            try:
                self.wake.release()
            except RuntimeError:
                return  # it is awake already
