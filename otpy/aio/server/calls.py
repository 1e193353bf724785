"""Calls and casts to the other workers of the tree from ``async def`` handlers; by hand."""

from typing import Any, TypeVar
from typing import cast as as_type

from otpy.aio.server.context import peers
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server.peers import checked_name
from otpy.server.proxy import Proxy, Worker

ServerT = TypeVar("ServerT")


async def call(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
    once: bool = False,
    request_id: str | None = None,
) -> Any:
    """Call another worker of this tree, and await the reply; as ``otpy.call(name, ...)``.

    Meanwhile the tasks of this process run, but no other message is handled.
    """
    peer = peers()[checked_name(name)]
    return await peer.call(
        request, *args, key=key, timeout=timeout, once=once, request_id=request_id
    )


async def cast(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> None:
    """Send a request that has no answer; as ``otpy.cast(name, ...)``."""
    await peers()[checked_name(name)].cast(request, *args, key=key, timeout=timeout)


async def receive(timeout: float | None = None) -> object:
    """Return the next message of a function worker's mailbox; as `otpy.receive`.

    Meanwhile the tasks of this process run. One task of it receives.
    """
    return await peers().receive(timeout)


def proxy(name: str, cls: type[ServerT], *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ServerT:
    """Return the `call` and `cast` methods of another worker, each to be awaited.

    As `otpy.proxy`; a type checker knows that of ``async def`` methods only.
    """
    return as_type(ServerT, Proxy(Worker(name, call, cast), cls, timeout))
