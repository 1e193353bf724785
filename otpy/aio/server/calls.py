"""Talking to the other workers of the tree from ``async def`` handlers, as `otpy` does it."""

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar
from typing import cast as as_type

from otpy.aio.links import multi_call as many
from otpy.aio.links.pending import Pending
from otpy.aio.links.ref import Ref
from otpy.aio.links.supervisor import Administrator, SupervisorRef
from otpy.errors import NoProcess, OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server import context
from otpy.server.proxy import Proxy, Worker
from otpy.wire.control import Address, NodeAnswer, Whereis, Wish
from otpy.wire.gateway import TreeRow

ServerT = TypeVar("ServerT")


class Employer(Protocol):
    """Whoever gets tasks started; as `otpy.server.context.Employer`."""

    async def hire(self, supervisor: str, shutdown: float, *, tied: bool) -> Any:
        """Have a supervisor start a task, and get a reference to that very process."""

    async def terminate_children(self, supervisor: str, ids: list[str]) -> None:
        """Stop children; those that have ended, with their supervisor or alone, are no mistake."""


class Peers(Employer, Administrator, Protocol):
    """The other workers of the tree; as `otpy.server.context.Peers`."""

    def __getitem__(self, name: str) -> Ref:
        """Return the reference to a process by its name."""

    async def ask_node(self, wish: Wish, timeout: float | None) -> NodeAnswer:
        """Ask the node, which knows who is where; raises what it answers, and `CallTimeout`."""

    async def send(self, who: Address, message: object, timeout: float | None) -> bool:
        """Have the `handle_info` of one incarnation called; False if that is gone."""

    async def receive(self, timeout: float | None) -> object:
        """Take the next message of a function worker's mailbox."""


def peers() -> Peers:
    """Give what reaches the other workers; raises OtpyError in a process that is none."""
    found: Peers = context.current().peers.on_a_loop()
    return found


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
    return await peers()[name].call(request, *args, key=key, timeout=timeout)


async def cast(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> None:
    """Send a request that has no answer; as ``otpy.cast(name, ...)``."""
    await peers()[name].cast(request, *args, key=key, timeout=timeout)


async def send_request(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> Pending:
    """Send a request to another worker, and go on; as `otpy.send_request`."""
    return await peers()[name].send_request(request, *args, key=key, timeout=timeout)


async def multi_call(
    names: Iterable[str],
    request: object,
    *args: object,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> tuple[dict[str, Any], dict[str, OtpyError]]:
    """Call several other workers at the same time; as `otpy.multi_call`."""
    others = peers()
    refs = [others[name] for name in dict.fromkeys(names)]
    return await many.multi_call(refs, (request, *args), timeout)


async def abcast(
    names: Iterable[str],
    request: object,
    *args: object,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> None:
    """Cast to several workers; who takes no messages within the time gets none."""
    others = peers()
    refs = [others[name] for name in dict.fromkeys(names)]
    await many.abcast(refs, (request, *args), timeout)


async def whereis(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> int | None:
    """Tell the pid of a process; None if none of that name runs; as `otpy.whereis`."""
    try:
        there = await peers().ask_node(Whereis(name), timeout)
    except NoProcess:
        return None
    assert isinstance(there, TreeRow)
    return there.pid if there.state == "running" else None


async def stop(name: str, reason: object = "normal", *, timeout: float | None = None) -> None:
    """Have another worker end with `reason`, and wait until it is gone; as `otpy.stop`."""
    await peers()[name].stop(reason, timeout=timeout)


def supervisor(path: str = "") -> SupervisorRef:
    """Return a reference to a supervisor of this tree, to be awaited; as `otpy.supervisor`."""
    return SupervisorRef(peers(), path)


async def receive(timeout: float | None = None) -> object:
    """Take the next message of a function worker's mailbox; as `otpy.receive`.

    Meanwhile the tasks of this process run. One task of it receives.
    """
    return await peers().receive(timeout)


def proxy(name: str, cls: type[ServerT], *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ServerT:
    """Return the `call` and `cast` methods of another worker, each to be awaited.

    As `otpy.proxy`; a type checker knows that of ``async def`` methods only.
    """
    return as_type(ServerT, Proxy(Worker(name, call, cast), cls, timeout))
