"""Whose turn it is: what only one thread may do at a time, and nearly always nobody else wants."""

import contextlib
import threading
from collections import deque

from otpy.links.deadline import has_passed, lock_timeout


class Turn:
    """A lock, at a quarter of the time that a `threading.Lock` takes.

    To take the one thing out of a list is atomic, as to put it back is.

    Attributes:
        free: Holds one thing while it is nobody's turn.
        waiting: Who waits for it.

    In the paths that every message takes, ``free.pop()`` takes the turn or raises IndexError, and
    ``free.append(None)`` gives it back, with `rouse` if somebody is `waiting`.
    """

    __slots__ = ("free", "waiting")

    def __init__(self) -> None:
        self.free: list[None] = [None]
        self.waiting: deque[threading.Lock] = deque()

    @property
    def taken(self) -> bool:
        """Whether it is somebody's turn."""
        return not self.free

    def take_at_once(self) -> bool:
        """Take the turn, unless it is somebody else's."""
        try:
            self.free.pop()
        except IndexError:
            return False
        return True

    def take(self, deadline: float | None) -> bool:
        """Take the turn once it is nobody else's; False if that was not so by the deadline."""
        if self.take_at_once():
            return True
        wake = threading.Lock()
        wake.acquire()
        # Who gives it back looks for who waits after he did so; this thread looks at the turn
        # after it said that it waits. So one of them sees the other.
        self.waiting.append(wake)
        try:
            while not self.take_at_once():
                if not wake.acquire(timeout=lock_timeout(deadline)) and has_passed(deadline):
                    return False
            return True
        finally:
            self.waiting.remove(wake)
            self.rouse()  # it may be this thread that was woken up, and does not take it

    def give_back(self) -> None:
        """End the turn."""
        self.free.append(None)
        if self.waiting:
            self.rouse()

    def rouse(self) -> None:
        """Wake up who waits first, if he can have the turn."""
        if self.free:
            with contextlib.suppress(IndexError, RuntimeError):  # nobody waits, or is awake by now
                self.waiting[0].release()
