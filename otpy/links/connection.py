"""Requests and answers of many threads over one connection, without a thread of its own.

A thread that waits for an answer reads. The thread that holds the *read lock* reads for all: it
hands each answer to the thread that waits for it, and the lock on when its own has come. A thread
alone takes the lock and wakes no other, so that a call is one write, one poll, one read.
"""

import abc
import os
import select
from collections.abc import Sequence
from typing import Final, Generic

from otpy.errors import ProtocolError
from otpy.links.deadline import TooLate, has_passed, lock_timeout, poll_ms
from otpy.links.fast_lock import FastLock
from otpy.links.waiter import AnswerT, Lost, NotDelivered, Waiter
from otpy.system.descriptor import HasFileno
from otpy.system.locks import new_lock
from otpy.system.pipes import is_readable, widen
from otpy.wire.frames import Frame, LargeFrame, remaining

_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_CAN_READ: Final = select.POLLIN | _GONE
_CAN_WRITE: Final = select.POLLOUT | _GONE


class Connection(abc.ABC, Generic[AnswerT]):
    """One connection, shared by threads.

    Args:
        reader: The descriptor to read from.
        writer: The descriptor to write to, non-blocking; may be the same.
        pidfd: Readable once the process at the other end is dead; None if that does not matter.

    Attributes:
        open: Whether new requests may be sent here.
        fault: The error in the received bytes, if that ended the connection.
    """

    def __init__(
        self, reader: HasFileno, writer: HasFileno, pidfd: HasFileno | None = None
    ) -> None:
        self.open = True
        self.fault: ProtocolError | OSError | None = None
        # Numbers, since each message needs them; closing the owners ends their use.
        self._reader, self._writer = reader.fileno(), writer.fileno()
        self._pidfd = None if pidfd is None else pidfd.fileno()
        self._ended = self._retired = False
        self._released = new_lock()  # held from then on
        self._waiters: dict[int, Waiter[AnswerT]] = {}
        self._followers: set[Waiter[AnswerT]] = set()
        self._read_lock = FastLock()
        self._sending = FastLock()
        self._written = 0
        self._rest: memoryview | None = None
        self._reads = select.poll()
        self._reads.register(self._reader, select.POLLIN)
        if self._pidfd is not None:
            self._reads.register(self._pidfd, select.POLLIN)

    def exchange(self, number: int, data: Frame, deadline: float | None) -> AnswerT:
        """Send a request and wait for the answer with its number.

        Raises:
            NotDelivered: The connection ended, and the other end never had the whole request.
            Lost: The connection ended after it had, or may have had.
            TooLate: The deadline has passed. A late answer is dropped.
        """
        waiter: Waiter[AnswerT] = Waiter()  # not Waiter[AnswerT](), which costs a microsecond
        # Registered before it is sent: from then on another thread may read the answer.
        self._waiters[number] = waiter
        try:
            end = self._send(data, deadline)
            try:
                return self._wait(waiter, deadline)
            except Lost:
                if self._delivered(end):
                    raise
                raise NotDelivered from None
        except BaseException:
            self._abandon(waiter)
            raise
        finally:
            self._remove(number)

    def begin(self, number: int, data: Frame, deadline: float | None) -> Waiter[AnswerT]:
        """Send a request whose answer `finish` waits for; `forget` the number then.

        Raises as `post`; the number is forgotten then.
        """
        waiter: Waiter[AnswerT] = Waiter()
        self._waiters[number] = waiter
        try:
            waiter.end = self._send(data, deadline)
        except BaseException:
            self._abandon(waiter)
            self._remove(number)
            raise
        return waiter

    def finish(self, waiter: Waiter[AnswerT], deadline: float | None) -> AnswerT:
        """Wait for the answer to a request that was begun; raises as `exchange`.

        Too late, one may wait for it again.
        """
        if waiter.answer is not None:
            return waiter.answer
        if self._released.locked():
            raise Lost  # it is the parent's: this process was forked meanwhile
        try:
            return self._wait(waiter, deadline)
        except Lost:
            if self._delivered(waiter.end):
                raise
            raise NotDelivered from None

    def forget(self, number: int) -> None:
        """Drop the answer to a request that was begun, whether it has come or not."""
        if self._waiters.pop(number, None) is not None and self._retired:
            self._release_if_idle()

    def post(self, number: int, data: Frame, deadline: float | None) -> None:
        """Send a message that has no answer; raises `NotDelivered` or `TooLate`."""
        self._waiters[number] = Waiter()
        try:
            self._send(data, deadline, careful=True)
        finally:
            self._remove(number)

    def retire(self) -> None:
        """Send nothing new here. The last request under way closes the descriptors."""
        self.open = False
        self._retired = True
        self._release_if_idle()

    def abandon(self) -> None:
        """Close the descriptors at once: to be called in the child after a fork.

        Threads that were using them, or held a lock, did not come along.
        """
        self.open, self._ended = False, True
        self._release()

    def __del__(self) -> None:
        if hasattr(self, "_reads"):
            self._release()

    @abc.abstractmethod
    def _put(self, data: bytes | memoryview) -> int:
        """Write what fits; raises BlockingIOError if nothing does, another OSError if gone."""

    @abc.abstractmethod
    def _take(self) -> bool:
        """Read once and deliver what came; False at the end. The read lock is held.

        Raises BlockingIOError if nothing was there, another OSError if it is gone.
        """

    @abc.abstractmethod
    def _close(self) -> None:
        """Close the descriptors."""

    def _delivered(self, end: int) -> bool:  # noqa: ARG002  # a link can tell
        """Return whether the other end may have read the first `end` bytes that were written."""
        return True

    def _abandon(self, waiter: Waiter[AnswerT]) -> None:
        """Note that the answer of `waiter` will not be read."""
        waiter.abandoned = True

    def _deliver(self, number: int, answer: AnswerT) -> None:
        waiter = self._waiters.get(number)
        if waiter is not None and waiter.answer is None:  # only the first counts
            waiter.answer = answer
            # Only after the answer is there: a thread that is falling asleep looks once more.
            if waiter.wakeup is not None:
                waiter.wake()

    def _remove(self, number: int) -> None:
        del self._waiters[number]
        if self._retired:
            self._release_if_idle()

    def _release_if_idle(self) -> None:
        """Close the descriptors of a retired connection, unless a thread uses them.

        Called by `retire`, and by every thread that stops using them. One without a waiter there
        holds one of the locks, and looks at `open` only after it took it.
        """
        if not (self._waiters or self._read_lock.locked or self._sending.locked):
            self._release()

    def _release(self) -> None:
        if self._released.acquire(False):
            self._reader = self._writer = -1
            self._close()

    # --- sending ---------------------------------------------------------------------------

    def _send(self, data: Frame, deadline: float | None, *, careful: bool = False) -> int:
        """Write a whole frame; return how many bytes were written in all, it included.

        A `careful` sender looks first whether the other end lives. One that waits for an answer
        need not: it learns it then, and that the request was not delivered.
        """
        if not self._sending.acquire(deadline):
            raise TooLate
        try:
            if not self.open or (careful and self.has_died):
                self.open = False
                raise NotDelivered
            if self._rest is not None:
                self._push(deadline)  # another sender ran out of time within its frame
            if isinstance(data, LargeFrame):
                self._send_large(data, deadline)
                return self._written
            self._send_small(data, deadline)
            return self._written
        finally:
            self._sending.free.append(None)
            if self._sending.waiting:
                self._sending.wake()

    def _send_large(self, data: LargeFrame, deadline: float | None) -> None:
        """Write a large frame; the sending lock is held."""
        self._write_pieces(data.pieces, deadline)

    def _send_small(self, data: bytes, deadline: float | None) -> None:
        """Write a frame; the next sender finishes it, if `TooLate` or interrupted."""
        # From the write until it is noted, nothing is called: so nothing interrupts.
        self._rest = memoryview(data)[self._write(data) :] or None
        try:
            if self._rest is not None:
                self._push(deadline)
        except TooLate:
            if self._rest is not None and len(self._rest) == len(data):
                self._rest = None  # nothing of it was sent, so it need not be finished
            raise

    def _write_pieces(self, pieces: Sequence[bytes | memoryview], deadline: float | None) -> None:
        widen(self._writer)
        start = self._written
        try:
            for piece in pieces:
                view = memoryview(piece)
                self._rest = view[self._write(view) :]
                self._push(deadline)
        except BaseException:
            # Too late, or interrupted: the next sender finishes what was begun.
            sent = self._written - start
            rest = b"".join(remaining(pieces, sent)) if sent and self.open else None
            self._rest = None if rest is None else memoryview(rest)
            raise

    def _write(self, data: bytes | memoryview) -> int:
        try:
            sent = self._put(data)
            self._written += sent
        except BlockingIOError:
            return 0
        except OSError:
            self.open = False
            raise NotDelivered from None
        except BaseException:
            # Interrupted by a signal's exception: as if all were written, lest others resend.
            self.open = False
            self._written += len(data)
            raise
        return sent

    @property
    def has_died(self) -> bool:
        """Return whether the process at the other end has ended by now."""
        return self._pidfd is not None and is_readable(self._pidfd)

    def _push(self, deadline: float | None) -> None:
        """Write the rest of a frame as the other end makes room.

        Meanwhile read its answers, if no other thread does: it may be waiting for room, too.
        """
        poll = select.poll()
        poll.register(self._writer, select.POLLOUT)
        both = self._reader == self._writer
        poll.register(self._reader, select.POLLIN | (select.POLLOUT if both else 0))
        if self._pidfd is not None:
            poll.register(self._pidfd, select.POLLIN)
        while self._rest:
            ready = poll.poll(poll_ms(deadline))
            if not ready and has_passed(deadline):
                raise TooLate
            for fd, events in ready:
                if fd == self._pidfd:
                    self.open = False
                    raise NotDelivered
                if fd == self._writer and events & _CAN_WRITE:
                    self._rest = self._rest[self._write(self._rest) :]
                if fd == self._reader and events & _CAN_READ:
                    self._read_on_the_side(poll)
        self._rest = None

    def _read_on_the_side(self, poll: select.poll) -> None:
        if not self._read_lock.try_acquire():
            os.sched_yield()  # the thread that holds it is reading this very moment
            return
        try:
            if not self._read() and self._reader != self._writer:
                poll.unregister(self._reader)  # at its end, it would be readable for ever
        finally:
            self._read_lock.free.append(None)
            self._promote_follower()

    # --- waiting ---------------------------------------------------------------------------

    def _wait(self, waiter: Waiter[AnswerT], deadline: float | None) -> AnswerT:
        if self._read_lock.try_acquire():
            try:
                return self._lead(waiter, deadline)
            finally:
                self._read_lock.free.append(None)
                if self._followers:
                    self._promote_follower()
        return self._follow(waiter, deadline)

    def _lead(self, waiter: Waiter[AnswerT], deadline: float | None) -> AnswerT:
        """Read for all until the own answer is there; the read lock is held."""
        while True:
            if waiter.answer is not None:
                return waiter.answer
            if self._ended:
                raise Lost
            self._pull(deadline)

    def _follow(self, waiter: Waiter[AnswerT], deadline: float | None) -> AnswerT:
        """Sleep until the answer is there, or the read lock is to be had."""
        wake = new_lock()
        wake.acquire()
        waiter.wakeup = wake
        # The leader looks at `wake` after it put the answer there, and after it put the read lock
        # down; this thread looks at both after it set `wake`. So one of them sees the other.
        try:
            self._followers.add(waiter)
            while True:
                ended = self._ended
                if waiter.answer is not None:
                    return waiter.answer
                if ended:
                    raise Lost
                if self._read_lock.try_acquire():
                    try:
                        return self._lead(waiter, deadline)
                    finally:
                        self._read_lock.free.append(None)
                if not wake.acquire(timeout=lock_timeout(deadline)) and has_passed(deadline):
                    raise TooLate
        finally:
            self._followers.discard(waiter)
            waiter.wakeup = None
            self._promote_follower()

    def _promote_follower(self) -> None:
        """Wake one thread that waits, if none reads.

        Called by every thread that leaves, for the read lock may have been meant for it.
        """
        if self._read_lock.locked:
            return
        for waiter in list(self._followers):
            if waiter.answer is None and waiter.wakeup is not None:
                waiter.wake()
                return

    def _pull(self, deadline: float | None) -> None:
        """Wait until something can be read, and read it; the read lock is held."""
        ready = self._reads.poll(poll_ms(deadline))
        if not ready:
            if has_passed(deadline):
                raise TooLate
        elif not self._read():
            self._end()

    def _read(self) -> bool:
        """Read once; False at the end. The read lock is held."""
        try:
            return self._take()
        except BlockingIOError:
            return True
        except ProtocolError as error:
            self.fault = error
        except OSError:
            return False
        except BaseException:
            # Interrupted by a signal handler's exception: bytes may be lost.
            self._end()
            raise
        self._end()
        return False

    def _end(self) -> None:
        """Note that no more answers come, and wake every waiter."""
        self.open, self._ended = False, True
        for waiter in list(self._waiters.values()):
            waiter.wake()
