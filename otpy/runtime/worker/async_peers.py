"""The other workers of the tree, as a worker reaches them from its event loop."""

import asyncio

from otpy.aio.links.ref import Ref
from otpy.errors import CallingSelf
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.runtime.worker.async_mailbox import Waiting
from otpy.runtime.worker.async_peer_ops import PeerOperations
from otpy.runtime.worker.connections import Cast
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.runtime.worker.receive import as_received, check_wait
from otpy.runtime.worker.supervisor_channel import ControlAnswer
from otpy.system.descriptor import Descriptor
from otpy.wire.control import Address, NodeOperation


class AsyncPeers(PeerOperations):
    """Gets links to other workers, by way of the supervisors and the node; as `Peers`.

    Args:
        me: This worker.
        mailbox: Its own.
    """

    def __init__(self, me: Address, mailbox: WorkerMailbox) -> None:
        super().__init__(me, mailbox)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refs: dict[str, PeerRef] = {}
        self._asking = 0

    def __getitem__(self, name: str) -> "PeerRef":
        """Return the reference to a process by its name."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self.abandon()  # the links of a loop that is over
            self._loop, self._asking = loop, 0
        ref = self._refs.get(name)
        if ref is None:
            ref = self._refs[name] = self._made(name)
        return ref

    def _made(self, name: str) -> "PeerRef":
        return PeerRef(self, name, self._me, self._mailbox)

    async def receive(self, timeout: float | None) -> object:
        """Return the next message of a function worker's mailbox."""
        check_wait(timeout)
        message = await Waiting(self._mailbox).next(timeout)
        if message is None:
            self._mailbox.is_at_work()
        return as_received(message, timeout)

    def abandon(self) -> None:
        """Close every link: this is a process that the worker forked."""
        super().abandon()
        self._refs.clear()

    async def _request(
        self,
        operation: NodeOperation,
        deadline: float | None,  # noqa: ARG002  # the task that awaits it gives up by itself
        fds: tuple[Descriptor, ...] = (),
    ) -> tuple[ControlAnswer, tuple[Descriptor, ...]]:
        loop = asyncio.get_running_loop()
        comes = asyncio.Event()
        awaited = self._control.begin(self._me, operation, fds)
        try:
            loop.add_reader(awaited.wake.fileno(), comes.set)
            self._listen(+1)
            try:
                await comes.wait()
            finally:
                loop.remove_reader(awaited.wake.fileno())
                self._listen(-1)
            return self._control.take(awaited)
        finally:
            self._control.end(awaited)

    def _listen(self, more: int) -> None:
        """Read the supervisor's messages while a handler awaits one."""
        self._asking += more
        loop = asyncio.get_running_loop()
        if self._asking:
            loop.add_reader(self._control.fileno(), self._control.read)
        else:
            loop.remove_reader(self._control.fileno())


class PeerRef(Ref):
    """Another worker, by its name, for the tasks of one; or that one itself.

    Args:
        peers: Gets the links.
        name: Of the worker.
        me: This one.
        mailbox: Its own.
    """

    def __init__(self, peers: AsyncPeers, name: str, me: Address, mailbox: WorkerMailbox) -> None:
        super().__init__(peers, name)
        self._me, self._mailbox = me, mailbox

    async def cast(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Send a request that has no answer, to oneself, too."""
        try:
            if self.name != self._me.path:
                await super().cast(request, *args, key=key, timeout=timeout)
                return
        except CallingSelf:
            pass
        self._mailbox.put(Cast((request, *args) if args else request))
