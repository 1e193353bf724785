"""The link to one incarnation of a worker, on an event loop: two pipes and the worker's pidfd."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from typing import Final

from otpy.aio.links.connection import Connection, Waiter
from otpy.errors import ProcessDown, ProtocolError
from otpy.links.deadline import EOF_GRACE_S
from otpy.links.protocol import Failure, LinkProtocol, Reply
from otpy.links.waiter import NotDelivered
from otpy.system.descriptor import close_all
from otpy.system.pipes import LinkDescriptors, is_readable, unread_bytes
from otpy.wire.frames import Frame, LargeFrame

_READ_BYTES: Final = 1 << 16


class Link(Connection[Reply | Failure]):
    """One link; it owns the three descriptors.

    Attributes:
        path: The worker's path in the tree.
        pid: The worker's pid.
        incarnation: The worker's incarnation, as the gateway said.
        node_pid: The node that connected us, so that its successor is not asked why.
        protocol: The state of the protocol.
        dead: Whether the worker is known to be dead.
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
        reader, writer, pidfd = fds
        self._pidfd = pidfd.fileno()
        self.path, self.pid, self.incarnation, self.node_pid = path, pid, incarnation, node_pid
        self.protocol = protocol
        self._next_number = itertools.count(1).__next__
        self.dead = False
        self._exit_info: ProcessDown | None = None
        self._exit_info_lock = asyncio.Lock()
        self._hello_or_end, self._over = asyncio.Event(), asyncio.Event()
        self._grace: asyncio.TimerHandle | None = None
        super().__init__(reader, writer)
        self._loop.add_reader(self._pidfd, self._died)

    @property
    def hello_from(self) -> int | None:
        """The incarnation whose hello has arrived; None before: such a link does not count."""
        hello = self.protocol.hello
        return None if hello is None else hello.incarnation

    @property
    def handshake_done(self) -> bool:
        """Whether the worker's hello has arrived: before, a link does not count."""
        return self.protocol.hello is not None

    @property
    def has_died(self) -> bool:
        """Whether the worker has ended."""
        return self.dead or (not self._released and is_readable(self._pidfd))

    def await_death(self) -> None:
        """Look whether the worker has died: sending has waited for that already."""
        self.dead = self.has_died

    async def call(self, request: object) -> Reply | Failure:
        """Send a call and wait for its answer; raises as `exchange` and `LinkProtocol.call`."""
        number = self._next_number()
        return await self.exchange(number, self.protocol.call(number, request))

    async def begin_call(
        self,
        request: object,
        deadline: float | None,  # noqa: ARG002
    ) -> tuple[int, Waiter[Reply | Failure]]:
        """Send a call; return its number, and the waiter to `finish` it."""
        number = self._next_number()
        return number, await self.begin(number, self.protocol.call(number, request))

    # A task that awaits these gives up by itself: the deadlines are for the blocking twin.

    async def cast(self, request: object, deadline: float | None) -> None:
        """Send a cast; raises as `post` and `LinkProtocol.cast`."""
        await self.cast_frame(self.protocol.cast(request), deadline)

    async def cast_many(self, requests: list[object], deadline: float | None) -> None:
        """Send casts together; raises as `cast`."""
        await self.cast_frame(self.protocol.casts(requests), deadline)

    async def cast_frame(self, data: Frame, deadline: float | None) -> None:  # noqa: ARG002
        """Send casts that were put into a frame, if the worker lives; raises as `post`."""
        if self.open and is_readable(self._pidfd):
            self._died()  # the loop has not come to it yet
        await self.post(data)

    async def await_hello(self, deadline: float | None) -> bool:  # noqa: ARG002
        """Wait for the hello; False if the worker is dead or has hung up without one.

        Raises:
            ProtocolError: The worker did not speak the protocol.
        """
        if self.hello_from is None:
            await self._hello_or_end.wait()
        if self.hello_from is None and self.fault is not None:
            raise self._copied_fault()
        return self.hello_from is not None

    async def down_error(
        self, ask: Callable[["Link", float | None], Awaitable[ProcessDown]], deadline: float | None
    ) -> ProcessDown:
        """Return why the link has ended: as the worker sent, or as its supervisor knows.

        Args:
            ask: Asks the supervisor; only once for all callers.
            deadline: What it is told.

        Raises:
            ProtocolError: The worker did not speak the protocol.
        """
        if self.fault is not None:
            raise self._copied_fault()
        if self.protocol.down is not None:
            return ProcessDown(self.protocol.down.reason, self.protocol.down.traceback)
        if not self.dead:
            return ProcessDown("noconnection")
        async with self._exit_info_lock:
            if self._exit_info is None:
                self._exit_info = await ask(self, deadline)
            return ProcessDown(*self._exit_info.args)

    def _copied_fault(self) -> Exception:
        # Every task raises an exception of its own, since raising writes into it.
        fault = self.fault or ProcessDown("noconnection")
        return type(fault)(*fault.args)

    async def _send(self, data: Frame, waiter: Waiter[Reply | Failure] | None) -> None:
        try:
            await super()._send(data, waiter)
        except NotDelivered:
            if not self._retired:
                # Let a process that hung up die before it is looked for again; one that lives hung
                # up on all. Its end-of-file is seen, too.
                await self._over.wait()
            raise

    def _with_shm(self, data: Frame) -> Frame:
        # What finds no room goes by the pipe.
        return (self.protocol.write(data) or data) if isinstance(data, LargeFrame) else data

    def _committed(self) -> None:
        self.protocol.commit()

    def _rollback(self) -> None:
        self.protocol.rollback()

    def _put(self, data: memoryview) -> int:
        return os.write(self._writer, data)

    def _readable(self) -> None:
        if not self._read():
            # Its end, or a process that it forked has not closed it: the pidfd tells.
            self._loop.remove_reader(self._reader)
            self._grace = self._loop.call_later(EOF_GRACE_S, self._end)

    def _read(self) -> bool:
        """Read once; False at the end."""
        try:
            data = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        try:
            for answer in self.protocol.receive(data):
                self._deliver(answer.number, answer)
        except ProtocolError as error:
            self.fault = error
            self._end()
        else:
            if self.protocol.hello is not None:
                self._hello_or_end.set()
            if self.protocol.down is not None:
                self._end()
        return True

    def _died(self) -> None:
        # What it said last came before the pidfd fired, so it is there by now.
        self.dead = True
        while not self._released and unread_bytes(self._reader) and self._read():
            pass
        self._end()

    def _delivered(self, end: int) -> bool:
        # This pipe has no reader any more: what is still in it was never read. A frame that was
        # not read to its end was never run. Of a process that sends nonsense one cannot tell.
        return self.fault is not None or self._written - unread_bytes(self._writer) >= end

    def _end(self) -> None:
        super()._end()
        self._hello_or_end.set()
        self._over.set()

    def _unwatch(self) -> None:
        super()._unwatch()
        self._loop.remove_reader(self._pidfd)
        if self._grace is not None:
            self._grace.cancel()

    def _close(self) -> None:
        close_all(self._owned)
        self.protocol.close()
