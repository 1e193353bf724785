"""The other workers of the tree, as a durable server reaches them from its event loop."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from otpy.aio.links.pending import Pending
from otpy.aio.links.pid_ref import PidRef
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.runtime.worker.async_peers import AsyncPeers, PeerRef
from otpy.runtime.worker.durable.copies import copied
from otpy.runtime.worker.durable.gate import Gate
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.wire.control import Address


class DurableAsyncPeers(AsyncPeers):
    """As `AsyncPeers`, but what is sent leaves after the next commit.

    Args:
        me: This worker.
        mailbox: Its own.
        gate: What holds what it sends.
    """

    def __init__(self, me: Address, mailbox: WorkerMailbox, gate: Gate) -> None:
        super().__init__(me, mailbox)
        self._gate = gate

    def _made(self, name: str) -> PeerRef:
        return DurablePeerRef(self, name, self._me, self._mailbox, self._gate)

    async def send(self, address: Address, message: object, timeout: float | None) -> bool:
        """Send a message to one incarnation's `handle_info`; whether that is gone is not known."""
        self._gate.hold(partial(super().send, address, copied(message), timeout))
        return True

    async def _start_task(self, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
        """Start a process for a task, which it gets after the next commit."""
        ref = await super()._start_task(supervisor, shutdown, linked=linked)
        return DurablePidRef(ref, self._gate)


class DurablePeerRef(PeerRef):
    """Another worker, by its name; what is cast to it leaves after the next commit."""

    def __init__(
        self,
        peers: DurableAsyncPeers,
        name: str,
        me: Address,
        mailbox: WorkerMailbox,
        gate: Gate,
    ) -> None:
        super().__init__(peers, name, me, mailbox)
        self._gate = gate

    async def cast(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Send a request that has no answer, to oneself, too."""
        message = copied((request, *args) if args else request)
        self._gate.hold(partial(super().cast, message, key=key, timeout=timeout))

    async def cast_many(
        self,
        requests: Iterable[object],
        *,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Cast each of `requests` in turn."""
        messages = [copied(request) for request in requests]
        self._gate.hold(partial(super().cast_many, messages, key=key, timeout=timeout))


class DurablePidRef(PidRef):
    """A process that was started for a task, which it gets after the next commit."""

    def __init__(self, ref: PidRef, gate: Gate) -> None:
        super().__init__(ref._node, ref.only_link)  # it takes its place
        self._gate = gate

    async def send_request(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> Pending:
        """Send a request, and go on. One whose result is waited for before is sent then."""
        pending = Pending(self, copied((request, *args) if args else request), key)
        self._gate.hold(partial(_send, pending, timeout))
        return pending

    async def cast(self, request: object, *args: object, **how: Any) -> None:
        """Send a request that has no answer."""
        self._gate.hold(partial(super().cast, copied((request, *args)), **how))

    def close(self) -> None:
        """Need it no more, once what is held for it was sent."""
        self._gate.hold(super().close)


async def _send(pending: Pending, timeout: float | None) -> None:
    # ruff: noqa: SLF001  # as `send_request` does
    if pending._link is None and pending._answer is None:
        await pending._send(timeout)
