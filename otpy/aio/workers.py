"""Talking to the other workers of the tree from ``async def`` handlers, as `otpy` does it."""

from typing import Any

from otpy.aio.pending import Pending
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server import context


async def call(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> Any:
    """Call another worker of this tree, and await the reply; as ``otpy.call(name, ...)``.

    Meanwhile the tasks of this process run, but no other message is handled.
    """
    peers = context.current().peers.on_a_loop()
    return await peers.call(name, request, *args, key=key, timeout=timeout)


async def cast(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> None:
    """Send a request that has no answer; as ``otpy.cast(name, ...)``."""
    peers = context.current().peers.on_a_loop()
    await peers.cast(name, request, *args, key=key, timeout=timeout)


async def send_request(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> Pending:
    """Send a request to another worker, and go on; as `otpy.send_request`."""
    peers = context.current().peers.on_a_loop()
    pending: Pending = await peers.send_request(name, request, *args, key=key, timeout=timeout)
    return pending
