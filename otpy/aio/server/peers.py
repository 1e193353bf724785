"""The other workers of the tree, as an ``async def`` handler of one of them reaches them."""

from typing import Protocol

from otpy.aio.links.pid_ref import PidRef
from otpy.aio.links.ref import Ref
from otpy.aio.links.supervisor import SupervisorClient
from otpy.wire.control import Address, NodeAnswer, NodeOperation


class TaskStarter(Protocol):
    """Starts tasks; as `otpy.server.peers.TaskStarter`."""

    async def _start_task(self, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
        """Start a task at a supervisor, and return a reference to that very process."""

    async def _terminate_children(self, supervisor: str, ids: list[str]) -> None:
        """Stop children; those that have ended, with their supervisor or alone, are no mistake."""


class Peers(TaskStarter, SupervisorClient, Protocol):
    """The other workers of the tree; as `otpy.server.peers.Peers`."""

    def __getitem__(self, name: str) -> Ref:
        """Return the reference to a process by its name."""

    async def ask_node(self, operation: NodeOperation, timeout: float | None) -> NodeAnswer:
        """Ask the node, which knows all processes; raises what it answers, and `CallTimeout`."""

    async def send(self, address: Address, message: object, timeout: float | None) -> bool:
        """Send a message to one incarnation's `handle_info`; False if that is gone."""

    async def receive(self, timeout: float | None) -> object:
        """Return the next message of a function worker's mailbox."""
