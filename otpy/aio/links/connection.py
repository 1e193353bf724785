"""Requests and answers of many tasks over one connection, on an asyncio event loop."""

import abc
import asyncio
from typing import Final, Generic, TypeVar

from otpy.errors import ProtocolError
from otpy.links.waiter import Lost, NotDelivered
from otpy.system.descriptor import HasFileno
from otpy.wire.frames import Frame, join

AnswerT = TypeVar("AnswerT")

_TURN_S: Final = 0.05
"""Seconds to wait for one's turn in a call that nothing awaits."""


class Waiter(Generic[AnswerT]):
    """A future answer.

    Attributes:
        outcome: The answer, or why there is none: as a value, since a future complains of an
            exception that was never retrieved.
        end: How many bytes were to be written with the request, and all before; None as long as
            it waits for its turn.
    """

    __slots__ = ("end", "outcome")

    def __init__(self, outcome: "asyncio.Future[AnswerT | NotDelivered | Lost]") -> None:
        self.outcome = outcome
        self.end: int | None = None


class Connection(abc.ABC, Generic[AnswerT]):
    """One connection, shared by the tasks of one event loop.

    Args:
        reader: What is read from, non-blocking.
        writer: What is written to, non-blocking; may be the same.

    Attributes:
        open: Whether new requests may be sent here.
        fault: What was wrong with what came, if that ended the connection.
    """

    def __init__(self, reader: HasFileno, writer: HasFileno) -> None:
        self.open = True
        self.fault: ProtocolError | OSError | None = None
        self._loop = asyncio.get_running_loop()
        # Numbers, since each message needs them; closing the owners ends their use.
        self._reader, self._writer = reader.fileno(), writer.fileno()
        self._waiters: dict[int, Waiter[AnswerT]] = {}
        self._send_lock = asyncio.Lock()
        self._written = 0
        self._rest = memoryview(b"")
        self._room: asyncio.Future[None] | None = None
        self._retired = False
        self._cut = False
        self._released = False
        self._loop.add_reader(self._reader, self._readable)

    def __del__(self) -> None:
        if not getattr(self, "_released", True):
            self._close()

    @property
    def under_way(self) -> int:
        """Number of requests that wait for their answers."""
        return len(self._waiters)

    async def exchange(self, number: int, data: Frame) -> AnswerT:
        """Send a request and wait for the answer with its number.

        Raises:
            NotDelivered: The connection ended, and the other end never had the whole request.
            Lost: The connection ended after it had, or may have had.
        """
        waiter = await self.begin(number, data)
        try:
            outcome = await waiter.outcome
        except BaseException:
            self.forget(number)
            raise
        self._remove(number)
        return _taken(outcome)

    async def begin(self, number: int, data: Frame) -> Waiter[AnswerT]:
        """Send a request whose answer `finish` waits for; `forget` the number then."""
        waiter: Waiter[AnswerT] = Waiter(self._loop.create_future())
        self._waiters[number] = waiter
        try:
            await self._send(data, waiter)
        except BaseException:
            self.forget(number)
            raise
        return waiter

    async def finish(
        self,
        waiter: Waiter[AnswerT],
        deadline: float | None,  # noqa: ARG002  # the task that awaits it gives up by itself
    ) -> AnswerT:
        """Wait for the answer to a request that was begun; raises as `exchange`."""
        # Shielded: a cancelled task does not take the answer from one that asks again.
        return _taken(await asyncio.shield(waiter.outcome))

    async def post(self, data: Frame) -> None:
        """Send a message that has no answer; raises `NotDelivered`."""
        await self._send(data, None)

    def post_soon(self, data: bytes) -> None:
        """Send a message that has no answer, now or when its turn comes; ignore failures."""
        if not self.open:
            return
        if self._rest or self._send_lock.locked():
            self._loop.call_later(_TURN_S, self.post_soon, data)
            return
        try:
            self._rest = memoryview(data)[self._write(memoryview(data)) :]
        except NotDelivered:
            return
        if self._rest:
            self._loop.add_writer(self._writer, self._push)

    def forget(self, number: int) -> None:
        """Drop the answer to a request, whether it has come or not."""
        if (waiter := self._waiters.get(number)) is not None:
            if not waiter.outcome.cancel() and not waiter.outcome.cancelled():
                self._discard(waiter.outcome.result())
            self._remove(number)

    def _remove(self, number: int) -> None:
        del self._waiters[number]
        self._end_if_idle()

    def retire(self) -> None:
        """Send nothing new here. The last request under way closes the descriptors."""
        self.open = False
        self._retired = True
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._retired and not (self._waiters or self._rest or self._send_lock.locked()):
            self._end()

    def abandon(self) -> None:
        """Close the descriptors and leave the loop alone: for the child after a fork.

        What the loop watches is the parent's, by descriptors that are still open there.
        """
        self.open = False
        if not self._released:
            self._released = True
            self._close()

    @abc.abstractmethod
    def _readable(self) -> None:
        """Read once, and deliver what came."""

    @abc.abstractmethod
    def _put(self, data: memoryview) -> int:
        """Write what fits; raises BlockingIOError if nothing does, another OSError if gone."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Close the descriptors."""

    def _unwatch(self) -> None:
        self._loop.remove_reader(self._reader)
        self._loop.remove_writer(self._writer)

    def _delivered(self, end: int) -> bool:  # noqa: ARG002  # a link can tell
        """Return whether the other end may have read the first `end` bytes that were written."""
        return True

    def _discard(self, outcome: AnswerT | NotDelivered | Lost) -> None:
        """Close the descriptors of an answer that is not taken."""

    def _deliver(self, number: int, answer: AnswerT) -> bool:
        """Hand an answer to its waiter; False if there is none."""
        waiter = self._waiters.get(number)
        if waiter is None or waiter.outcome.done():
            return False
        waiter.outcome.set_result(answer)
        return True

    def _end(self) -> None:
        """Note that no more answers come, wake every waiter, and close."""
        self.open = False
        if self._released:
            return
        self._released = True
        for waiter in self._waiters.values():
            if waiter.end is not None and not waiter.outcome.done():
                lost = self._delivered(waiter.end)
                waiter.outcome.set_result(Lost() if lost else NotDelivered())
        self._unwatch()
        self._close()
        self._cut = self._cut or bool(self._rest)
        self._rest = memoryview(b"")
        self._make_room()

    # ---- sending -----------------------------------------------------------------------------

    async def _send(self, data: Frame, waiter: Waiter[AnswerT] | None) -> None:
        """Write a whole frame, in turn; wait while the other end takes nothing."""
        try:
            async with self._send_lock:
                await self._flushed()
                if not self.open:
                    raise NotDelivered
                frame = self._with_shm(data)
                view = memoryview(join(frame))
                try:
                    while (sent := self._write(view)) == 0:
                        await self._may_write()
                except BaseException:
                    if frame is not data:
                        self._rollback()
                    raise
                if frame is not data:
                    self._committed()
                if waiter is not None:
                    waiter.end = self._written + len(view) - sent
                # From here on it is sent to its end, whatever becomes of this task.
                self._rest = view[sent:]
                if self._rest:
                    self._loop.add_writer(self._writer, self._push)
                    await self._flushed()
        finally:
            self._end_if_idle()

    def _with_shm(self, data: Frame) -> Frame:
        """Return the frame to write in place of `data`: it is committed, or rolled back."""
        return data

    def _committed(self) -> None:
        """Note that what `_with_shm` returned is written, or will be."""

    def _rollback(self) -> None:
        """Undo `_with_shm`: nothing was written of what it returned."""

    async def _flushed(self) -> None:
        """Wait until the frame that was begun is written."""
        while self._rest:
            await self._wait_for_room()
        if self._cut:
            raise NotDelivered

    async def _may_write(self) -> None:
        self._loop.add_writer(self._writer, self._make_room)
        try:
            await self._wait_for_room()
        finally:
            if not self._released:
                self._loop.remove_writer(self._writer)
        if not self.open:
            raise NotDelivered

    async def _wait_for_room(self) -> None:
        self._room = self._loop.create_future()
        try:
            await self._room
        finally:
            self._room = None

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _write(self, data: memoryview) -> int:
        try:
            sent = self._put(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.open = False
            raise NotDelivered from None
        self._written += sent
        return sent

    def _push(self) -> None:
        """Write more of the frame that did not fit."""
        try:
            self._rest = self._rest[self._write(self._rest) :]
        except NotDelivered:
            self._cut, self._rest = True, memoryview(b"")
        if not self._rest:
            self._loop.remove_writer(self._writer)
            self._make_room()
            self._end_if_idle()


def _taken(outcome: AnswerT | NotDelivered | Lost) -> AnswerT:
    if isinstance(outcome, NotDelivered | Lost):
        raise outcome
    return outcome
