"""The link to one incarnation of a worker: two one-way pipes, and the worker's pidfd.

End-of-file alone does not tell that a worker is dead, since a process that it forked may hold
the pipe open. So a wait for a reply waits for the pidfd, too.
"""

import itertools
import os
import select
import time
from collections.abc import Callable
from select import PIPE_BUF
from typing import Final

from otpy.errors import ProcessDown
from otpy.links.connection import Connection
from otpy.links.deadline import EOF_GRACE_S, TooLate, has_passed, lock_timeout, poll_ms
from otpy.links.protocol import ROOM, Failure, LinkProtocol, Reply
from otpy.links.waiter import Lost, NotDelivered, Waiter
from otpy.system.descriptor import close_all
from otpy.system.locks import new_lock
from otpy.system.pipes import LinkDescriptors, unread_bytes
from otpy.wire.frames import Frame, LargeFrame

_READ_BYTES: Final = 1 << 16
_FIRST_BYTES: Final = 479
"""Python's own allocator serves so many (512 bytes with the header); most answers are smaller."""

_END_MS: Final = 1000
"""Seconds that a process may take to end once it has closed its links."""

_HELLO: Final = 0
"""The waiter of the thread that waits for the hello; calls count from 1."""

_clock: Final = time.monotonic
_TRUST_S: Final = 0.001
"""For how long casts go to a worker that was seen to live. To fork the next one takes longer."""


class _ExitInfo:
    """The exit reason of a process, which its supervisor is asked for once."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._error: ProcessDown | None = None

    def get(self, ask: Callable[[], ProcessDown]) -> ProcessDown:
        """Return it, as an exception of the caller's own."""
        with self._lock:
            if self._error is None:
                self._error = ask()
            return ProcessDown(*self._error.args)


class Link(Connection[Reply | Failure]):
    """One link; it owns the three descriptors, of which those of the pipes never block.

    It has no more than 30 attributes: with more, CPython looks each of them up in a dictionary,
    and a cast takes a tenth longer.

    Attributes:
        dead: Whether the process is known to have ended.
        path: The worker's path in the tree.
        pid: The worker's pid.
        incarnation: The worker's incarnation, as the gateway said.
        node_pid: The node that connected us, so that its successor is not asked why.
        protocol: The state of the protocol.
        handshake_done: Whether the worker's hello has arrived, or is certain to: before, a
            link does not count.
    """

    def __init__(
        self,
        fds: LinkDescriptors,
        path: str,
        pid: int,
        incarnation: int,
        *,
        node_pid: int,
        protocol: LinkProtocol,
    ) -> None:
        self._owned = fds
        super().__init__(*fds)
        self._pidfd: int = fds[2].fileno()
        self.dead = False
        self._eof_at: float | None = None
        self.path, self.pid, self.incarnation, self.node_pid = path, pid, incarnation, node_pid
        self.protocol = protocol
        self._numbers = itertools.count(1)
        self._trusted_until = 0.0
        self._peeked = b""
        self._alone = 0
        self.handshake_done = protocol.hello is not None
        self._hello_lock = new_lock()
        self._exit_info = _ExitInfo()

    @property
    def hello_from(self) -> int | None:
        """The incarnation whose hello has arrived; None before."""
        hello = self.protocol.hello
        return None if hello is None else hello.incarnation

    @property
    def descriptors(self) -> tuple[int, int]:
        """Readable when an answer has come, and when the process is dead."""
        return self._reader, self._pidfd

    @property
    def under_way(self) -> int:
        """Number of requests whose answer no thread has taken."""
        return len(self._waiters) + self._alone

    def call(
        self, request: object, deadline: float | None, wait_ms: float | None
    ) -> Reply | Failure:
        """Send a call and wait for its answer; raises as `exchange` and `LinkProtocol.call`.

        `wait_ms` is what `poll_ms` tells of the deadline.
        """
        number = next(self._numbers)
        data = self.protocol.call(number, request)
        if type(data) is not bytes or len(data) > PIPE_BUF:
            return self.exchange(number, data, deadline)
        # A thread alone, as nearly always. No other thread reads while it has the read lock, so
        # it needs no waiter.
        free = self._read_lock.free
        try:
            del free[0]
        except IndexError:
            return self.exchange(number, data, deadline)
        try:
            self._alone = 1
            if end := self._put_at_once(data):
                if self._eof_at is None and self._reads.poll(wait_ms):
                    answer = self._first_answer(number)
                    if answer is not None:
                        return answer
                return self._answer(number, end, deadline)
        except BaseException:
            if self._peeked:
                self._end()  # interrupted before that was looked at
            raise
        finally:
            self._alone = 0
            free.append(None)
            if self._followers:
                self._promote_follower()
            if self._retired:
                self._release_if_idle()
        return self.exchange(number, data, deadline)

    def begin_call(
        self, request: object, deadline: float | None
    ) -> tuple[int, Waiter[Reply | Failure]]:
        """Send a call; return its number, and the waiter to `finish` it. Raises as `begin`."""
        number = next(self._numbers)
        data = self.protocol.call(number, request)
        if type(data) is not bytes or len(data) > PIPE_BUF:
            return number, self.begin(number, data, deadline)
        waiter: Waiter[Reply | Failure] = Waiter()
        self._waiters[number] = waiter
        try:
            waiter.end = self._put_at_once(data) or self._send(data, deadline)
        except BaseException:
            self._remove(number)
            raise
        return number, waiter

    def cast(self, request: object, deadline: float | None) -> None:
        """Send a cast; raises as `post` and `LinkProtocol.cast`."""
        rest = self.cast_at_once(request)
        if rest is not None:
            self.cast_frame(rest, deadline)

    def cast_at_once(self, request: object) -> Frame | None:
        """Send a cast; or else return its frame, which is for `cast_frame`. Raises as `cast`."""
        data = self.protocol.cast(request)
        # To look whether the worker lives is a system call: not for each of many casts. What is
        # sent so shortly after its death that no caller can have seen the next one is dropped.
        if type(data) is not bytes or len(data) > PIPE_BUF or _clock() > self._trusted_until:
            return data
        if not self._put_at_once(data):
            return data
        if self._retired:
            self._release_if_idle()
        return None

    def cast_many(self, requests: list[object], deadline: float | None) -> None:
        """Send casts together; raises as `post` and `LinkProtocol.casts`."""
        self.cast_frame(self.protocol.casts(requests), deadline)

    def cast_frame(self, data: Frame, deadline: float | None) -> None:
        """Send casts that were put into a frame, if the worker lives; raises as `post`."""
        self.post(next(self._numbers), data, deadline)
        self._trusted_until = time.monotonic() + _TRUST_S

    def await_hello(self, deadline: float | None) -> bool:
        """Wait for the hello; False if the worker is dead or has hung up without one.

        Raises:
            TooLate: The deadline has passed. The link may still come to count.
            ProtocolError: The worker did not speak the protocol.
        """
        if self.handshake_done:
            return True
        if not self._hello_lock.acquire(timeout=lock_timeout(deadline)):
            raise TooLate
        waiter: Waiter[Reply | Failure] = Waiter()
        self._waiters[_HELLO] = waiter
        try:
            if not self.handshake_done:
                if self._retired:
                    return False
                self._wait(waiter, deadline)
        except Lost:
            if self.fault is not None:
                raise self._copied_fault() from None
            return False
        finally:
            self._remove(_HELLO)
            self._hello_lock.release()
        return True

    # --- a thread alone --------------------------------------------------------------------

    def _put_at_once(self, data: bytes) -> int:
        """Write a small frame as a whole, and return as `_send`; 0 if it has to be sent slowly."""
        sending = self._sending
        try:
            del sending.free[0]
        except IndexError:
            return 0
        try:
            if not self.open or self._rest is not None:
                return 0
            # As `_write`, but up to PIPE_BUF bytes go as a whole or not at all (pipe(7)).
            end = self._written + os.write(self._writer, data)
            self._written = end
        except OSError:
            return 0  # it is full or gone, as it will be the next time
        except BaseException:
            self.open = False
            self._written += len(data)  # as in `_write`
            raise
        finally:
            sending.free.append(None)
            if sending.waiting:
                sending.wake()
        return end

    def _first_answer(self, number: int) -> Reply | Failure | None:
        """Read; return the answer if exactly that arrived; if not, None, and `_take` goes on."""
        try:
            data = os.read(self._reader, _FIRST_BYTES)
            answer = self.protocol.sole_answer(data)
            if answer is not None and answer.number == number:
                return answer
            self._peeked = data
        except OSError:
            pass  # it is dead, or it will be so the next time, too
        except BaseException:
            self._end()  # as in `_read`
            raise
        return None

    def _answer(self, number: int, end: int, deadline: float | None) -> Reply | Failure:
        """Wait for the answer, as `exchange` does once it has sent the request."""
        waiter: Waiter[Reply | Failure] = Waiter()
        self._waiters[number] = waiter
        try:
            if self._peeked:
                self._read()
            return self._lead(waiter, deadline)
        except Lost:
            if self._delivered(end):
                raise
            raise NotDelivered from None
        finally:
            self._remove(number)

    # --- reading and writing ---------------------------------------------------------------

    def _send_large(self, data: LargeFrame, deadline: float | None) -> None:
        while (frame := self.protocol.write(data)) is None:
            self._await_room(data, deadline)
        if isinstance(frame, LargeFrame):
            super()._send_large(frame, deadline)
            return
        try:
            self._send_small(frame, deadline)
            self.protocol.commit()
        except TooLate:
            if self._rest is None:
                self.protocol.rollback()
            raise

    def _await_room(self, data: LargeFrame, deadline: float | None) -> None:
        """Wait for room in the pipe; meanwhile read answers, unless another thread reads."""
        waiter = self._waiters[ROOM] = Waiter()  # registered before it is asked, as in `exchange`
        try:
            if self.protocol.request_space(data):
                self._wait(waiter, deadline)
        except Lost:
            self.open = False
            raise NotDelivered from None
        finally:
            del self._waiters[ROOM]

    def _put(self, data: bytes | memoryview) -> int:
        return os.write(self._writer, data)

    def _take(self) -> bool:
        answers = self._received()
        if answers is None:
            if self._eof_at is None:
                self._eof_at = time.monotonic()
                self._reads.unregister(self._reader)  # it would be readable for ever
            return False
        waiters = self._waiters
        for answer in answers:
            if (waiter := waiters.get(answer.number)) is not None:
                waiter.answer = answer
                if waiter.wakeup is not None:
                    waiter.wake()
        if not self.handshake_done and self.protocol.hello is not None:
            self.handshake_done = True
            self._deliver(_HELLO, Reply(_HELLO, None))
        if self.protocol.down is not None:
            self._end()
        return True

    def _received(self) -> list[Reply | Failure] | None:
        """Read once, and give the answers that are complete; None at the end."""
        if not self._peeked and (room := self.protocol.room) is not None:
            count = os.readv(self._reader, [room])
            return self.protocol.filled(count) if count else None
        data, self._peeked = self._peeked or os.read(self._reader, _READ_BYTES), b""
        return self.protocol.receive(data) if data else None

    def _pull(self, deadline: float | None) -> None:
        if self._eof_at is not None:
            self._await_death(self._eof_at + EOF_GRACE_S, deadline)
            return
        ready = self._reads.poll(poll_ms(deadline))
        if not ready:
            if has_passed(deadline):
                raise TooLate
        elif ready[0][0] == self._reader:
            self._read()
        else:
            # It is dead. What it said last came before the pidfd fired, so it is there by now.
            self.dead = True
            while unread_bytes(self._reader) and self._read():
                pass
            self._end()

    def _await_death(self, grace: float, deadline: float | None) -> None:
        if self._reads.poll(poll_ms(grace if deadline is None else min(grace, deadline))):
            self.dead = True
            self._end()
        elif has_passed(grace):
            self._end()  # it lives, and has closed the link
        elif has_passed(deadline):
            raise TooLate

    def _delivered(self, end: int) -> bool:
        # This pipe has no reader any more: what is still in it was never read. A frame that was
        # not read to its end was never run. Senders count in their turn, and leave at once.
        if self.fault is not None:
            return True  # of a process that sends nonsense one cannot tell
        if not self._sending.acquire(time.monotonic() + EOF_GRACE_S):
            return True
        try:
            return self._written - unread_bytes(self._writer) >= end
        finally:
            self._sending.free.append(None)
            self._sending.wake()

    def down_error(
        self, get_exit_info: "Callable[[Link, float | None], ProcessDown]", deadline: float | None
    ) -> ProcessDown:
        """Return why the link has ended: as the worker sent, or else as its supervisor knows.

        Args:
            get_exit_info: Finds out what the supervisor knows; asked once a link.
            deadline: Of the caller.

        Raises:
            ProtocolError: The worker did not speak the protocol.
        """
        if self.fault is not None:
            raise self._copied_fault()
        if self.protocol.down is not None:
            return ProcessDown(self.protocol.down.reason, self.protocol.down.traceback)
        if not self.dead:
            return ProcessDown("noconnection")
        return self._exit_info.get(lambda: get_exit_info(self, deadline))

    def _close(self) -> None:
        close_all(self._owned)
        self.protocol.close()

    def _send(self, data: Frame, deadline: float | None, *, careful: bool = False) -> int:
        try:
            return super()._send(data, deadline, careful=careful)
        except NotDelivered:
            if not (self._ended or self._retired):
                self._await_end(deadline)
            raise

    def _await_end(self, deadline: float | None) -> None:
        """Wait until a process that closed its link has ended; if it lives, it closed them all."""
        end = select.poll()
        end.register(self._pidfd, select.POLLIN)
        grace = time.monotonic() + EOF_GRACE_S
        ended = end.poll(poll_ms(grace if deadline is None else min(grace, deadline)))
        if not ended and has_passed(deadline):
            raise TooLate

    def await_death(self) -> None:
        """Wait a moment for a process that has closed the link to die."""
        if not self.dead:
            end = select.poll()
            end.register(self._pidfd, select.POLLIN)
            self.dead = bool(end.poll(_END_MS))

    def _copied_fault(self) -> Exception:
        # Every thread raises an exception of its own, since raising writes into it.
        fault = self.fault or Lost()
        return type(fault)(*fault.args)
