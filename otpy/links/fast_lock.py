"""Whose turn it is: what only one thread may do at a time, and nearly always nobody else wants."""

import contextlib
import threading
from collections import deque

from otpy.links.deadline import has_passed, lock_timeout


class Turn:
    """A lock, at a quarter of the time that a `threading.Lock` takes.

    To delete the one thing in a list is atomic, as to put it back is. Who takes the turn enters at
    once a ``try`` whose ``finally`` begins with ``free.append(None)``, and then calls `wake` if
    somebody is `waiting`. In the paths that every message takes, ``del free[0]`` takes the turn,
    or raises IndexError.

    Python runs signal handlers, whose exceptions may end anything, only where a function begins, a
    loop goes back, and after what was called. So no turn is taken, and not given back.

    Attributes:
        free: Holds one thing while it is nobody's turn.
        waiting: Who waits for it.
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
            del self.free[0]
        except IndexError:
            return False
        return True

    def take(self, deadline: float | None) -> bool:
        """Take the turn once it is nobody else's; False if that was not so by the deadline."""
        try:
            while not self.take_at_once():
                if has_passed(deadline):
                    return False
                self._wait(deadline)
        except BaseException:
            self.wake()  # it may be this thread that was woken up, and does not take it
            raise
        return True

    def give_back(self) -> None:
        """Give the turn back, and wake up who waits for it."""
        self.free.append(None)
        if self.waiting:
            self.wake()

    def wake(self) -> None:
        """Wake up who waits first, if he can have the turn."""
        if self.free:
            with contextlib.suppress(IndexError, RuntimeError):  # nobody waits, or is awake by now
                self.waiting[0].release()

    def _wait(self, deadline: float | None) -> None:
        wake = threading.Lock()
        wake.acquire()
        try:
            # Who gives it back looks for who waits after he did so; this thread looks at the turn
            # after it said that it waits. So one of them sees the other.
            self.waiting.append(wake)
            if self.taken:
                wake.acquire(timeout=lock_timeout(deadline))
        finally:
            self.waiting.remove(wake)
