"""The other workers of the tree, as a durable server reaches them: after its commit.

A call is made when it is made, since the server waits for the answer.
"""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.pending import Pending
from otpy.links.pid_ref import PidRef
from otpy.links.ref import Ref
from otpy.runtime.worker.durable.copies import copied
from otpy.runtime.worker.durable.gate import Gate
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.runtime.worker.peers import Peers
from otpy.wire.control import Address

if TYPE_CHECKING:
    from otpy.runtime.worker.async_peers import AsyncPeers


class DurablePeers(Peers):
    """As `Peers`, but what is sent leaves after the next commit.

    Args:
        me: This worker.
        mailbox: Its own.
        gate: What holds what it sends.
    """

    def __init__(self, me: Address, mailbox: WorkerMailbox, gate: Gate) -> None:
        super().__init__(me, mailbox)
        self._gate = gate

    def __getitem__(self, name: str) -> Ref:
        """Return the reference to a process by its name."""
        ref = self._refs.get(name)
        if ref is None:
            ref = self._refs.setdefault(name, DurableRef(self, name, self._gate))
        return ref

    def cast(self, name: str, message: object, timeout: float | None, key: object = None) -> None:
        """Send a request that has no answer, to oneself, too."""
        self._gate.hold(partial(self._cast_now, name, copied(message), timeout, key))

    def _cast_now(self, name: str, message: object, timeout: float | None, key: object) -> None:
        super().cast(name, message, timeout, key)

    def send(self, address: Address, message: object, timeout: float | None) -> bool:
        """Send a message to one incarnation's `handle_info`; whether that is gone is not known."""
        self._gate.hold(partial(self._send_now, address, copied(message), timeout))
        return True

    def _send_now(self, address: Address, message: object, timeout: float | None) -> None:
        super().send(address, message, timeout)

    def reply_for(
        self, server: str, incarnation: int, link: int, number: int, value: object
    ) -> None:
        """Answer a call that was made to `server`, by way of it."""
        reply = partial(self._reply_now, server, incarnation, link, number, copied(value))
        self._gate.hold(reply)

    def _reply_now(
        self, server: str, incarnation: int, link: int, number: int, value: object
    ) -> None:
        super().reply_for(server, incarnation, link, number, value)

    def _start_task(self, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
        """Start a process for a task, which it gets after the next commit."""
        ref = super()._start_task(supervisor, shutdown, linked=linked)
        return DurablePidRef(ref, self._gate)

    def on_a_loop(self) -> "AsyncPeers":
        """Return the `Peers` that do not block the event loop."""
        if self._on_a_loop is None:
            # Not above: only a worker with an event loop pays for asyncio.
            from otpy.runtime.worker.durable.async_peers import (  # noqa: PLC0415
                DurableAsyncPeers,
            )

            self._on_a_loop = DurableAsyncPeers(self._me, self._mailbox, self._gate)
        return self._on_a_loop


class DurableRef(Ref):
    """Another worker, by its name; what is cast to it leaves after the next commit."""

    def __init__(self, peers: DurablePeers, name: str, gate: Gate) -> None:
        super().__init__(peers, name)
        self._gate = gate

    def cast(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Send a request that has no answer."""
        message = copied((request, *args) if args else request)
        self._gate.hold(partial(super().cast, message, key=key, timeout=timeout))

    def cast_many(
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

    def send_request(
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

    def cast(self, request: object, *args: object, **how: Any) -> None:
        """Send a request that has no answer."""
        self._gate.hold(partial(super().cast, copied((request, *args)), **how))

    def close(self) -> None:
        """Need it no more, once what is held for it was sent."""
        self._gate.hold(super().close)


def _send(pending: Pending, timeout: float | None) -> None:
    # ruff: noqa: SLF001  # as `send_request` does
    if pending._link is None and pending._answer is None:
        pending._send(timeout)
