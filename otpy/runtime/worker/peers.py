"""The other workers of the tree, as a worker reaches them."""

from typing import TYPE_CHECKING

from otpy.errors import CallingSelf
from otpy.links.deadline import EXIT_INFO_S
from otpy.links.ref import Ref
from otpy.runtime.worker.connections import Cast
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.runtime.worker.peer_ops import PeerOperations
from otpy.runtime.worker.supervisor_channel import ControlAnswer
from otpy.system.descriptor import Descriptor
from otpy.wire import peer
from otpy.wire.control import Address, NodeOperation

if TYPE_CHECKING:
    from otpy.runtime.worker.async_peers import AsyncPeers


class Peers(PeerOperations):
    """Gets links to other workers, by way of the supervisors and the node.

    Args:
        me: This worker.
        mailbox: Its own.
    """

    def __init__(self, me: Address, mailbox: WorkerMailbox) -> None:
        super().__init__(me, mailbox)
        self._refs: dict[str, Ref] = {}
        self._on_a_loop: AsyncPeers | None = None

    def __getitem__(self, name: str) -> Ref:
        """Return the reference to a process by its name."""
        ref = self._refs.get(name)
        return self._refs.setdefault(name, Ref(self, name)) if ref is None else ref

    def cast(self, name: str, message: object, timeout: float | None, key: object = None) -> None:
        """Send a request that has no answer, to oneself, too."""
        if name == self._me.path:
            self._mailbox.put(Cast(message))
            return
        try:
            Ref.cast(self[name], message, key=key, timeout=timeout)  # now, whatever it is
        except CallingSelf:
            self._mailbox.put(Cast(message))

    def reply_for(
        self, server: str, incarnation: int, link: int, number: int, value: object
    ) -> None:
        """Answer a call that was made to `server`, by way of it."""
        if (server, incarnation) == self._me:
            self._mailbox.reply(link, number, value)
            return
        data = peer.reply_for(link, number, value)
        # If it has gone, its caller knows.
        self[server]._post(incarnation, data, EXIT_INFO_S)

    def on_a_loop(self) -> "AsyncPeers":
        """Return the `Peers` that do not block the event loop."""
        if self._on_a_loop is None:
            # Not above: only a worker with an event loop pays for asyncio.
            from otpy.runtime.worker.async_peers import AsyncPeers  # noqa: PLC0415

            self._on_a_loop = AsyncPeers(self._me, self._mailbox)
        return self._on_a_loop

    def abandon(self) -> None:
        """Close every link: this is a process that the worker forked."""
        super().abandon()
        self._refs.clear()
        if self._on_a_loop is not None:
            self._on_a_loop.abandon()

    def _request(
        self, operation: NodeOperation, deadline: float | None, fds: tuple[Descriptor, ...] = ()
    ) -> tuple[ControlAnswer, tuple[Descriptor, ...]]:
        return self._control.ask(self._me, operation, deadline, fds)
