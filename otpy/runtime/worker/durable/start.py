"""Begin to serve a durable server: whose state it is, and where that is."""

from typing import TYPE_CHECKING, Any

from otpy.core.spec import Durability
from otpy.durable.places import file_of
from otpy.durable.sqlite_store import SqliteStore
from otpy.errors import StorageError
from otpy.runtime.state_folder import state_folder
from otpy.runtime.worker.durable.gate import Gate
from otpy.runtime.worker.durable.peers import DurablePeers
from otpy.runtime.worker.durable.serving import DurableServing
from otpy.runtime.worker.gen_server import Serving
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.server.callbacks import is_async
from otpy.server.context import Context
from otpy.server.genserver import GenServer
from otpy.wire.control import Address, Assignment, UsesStore
from otpy.wire.safe_repr import short

if TYPE_CHECKING:
    from otpy.runtime.worker.event_loop import EventLoop


def durable_serving(
    server: GenServer,
    child: Assignment,
    own: Context,
    mailbox: WorkerMailbox,
    loops: "list[EventLoop]",
) -> Serving | None:
    """Open the state of a server; return what serves it, None if it is not to be durable.

    Raises:
        StorageError: The state cannot be opened, or is not such as this server can have.
    """
    durability = _durability(server, child)
    if durability is Durability.OFF:
        return None
    file = file_of(state_folder(), child.path)
    store = SqliteStore(file, disk=durability is Durability.DISK)
    gate = Gate(server, store, store.open(), mailbox)
    mailbox.hold_by(gate)
    mailbox.send_to_supervisor(UsesStore())
    own.reach_by(lambda: DurablePeers(Address(child.path, child.incarnation), mailbox, gate))
    if not (is_async(type(server)) or is_async_beside(server)):
        return DurableServing(server, mailbox, gate)
    # Not above: asyncio is on many pages that other workers do without.
    from otpy.runtime.worker.durable.async_serving import DurableAsyncServing  # noqa: PLC0415

    serving = DurableAsyncServing(server, mailbox, gate)
    loops.append(serving.loop)
    return serving


def is_async_beside(server: GenServer) -> bool:
    """Return whether the callback that only durable servers have is ``async def``."""
    from inspect import iscoroutinefunction  # noqa: PLC0415

    return iscoroutinefunction(getattr(server, "resumed", None))


def _durability(server: GenServer, child: Assignment) -> Durability:
    if child.durable is not None:
        return Durability(child.durable)
    value: Any = getattr(server, "durable", None)
    if isinstance(value, bool):
        return Durability.PROCESS if value else Durability.OFF
    if isinstance(value, str) and value in list(Durability):
        return Durability(value)
    raise StorageError(
        f"{type(server).__name__}.durable is {short(value)}, expected True, False, 'process' or "
        "'disk'"
    )
