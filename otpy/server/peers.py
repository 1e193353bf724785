"""The other workers of the tree, as one of them reaches them."""

from typing import TYPE_CHECKING, Any, Protocol

from otpy.links.pid_ref import PidRef
from otpy.links.ref import Ref
from otpy.links.supervisor import SupervisorClient

if TYPE_CHECKING:
    # A client that defines a server does without the pipes inside a tree.
    from otpy.wire.control import Address, NodeAnswer, NodeOperation


class TaskStarter(Protocol):
    """Starts tasks."""

    def _start_task(self, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
        """Start a task at a supervisor, and return a reference to that very process.

        With `linked` it is stopped when this process ends.
        """

    def _terminate_children(self, supervisor: str, ids: list[str]) -> None:
        """Stop children; those that have ended, with their supervisor or alone, are no mistake."""


class Peers(TaskStarter, SupervisorClient, Protocol):
    """The other workers of the tree."""

    def on_a_loop(self) -> Any:
        """Return the `Peers` that do not block the event loop: see `otpy.aio.server.peers`."""

    def __getitem__(self, name: str) -> Ref:
        """Return the reference to a process by its name."""

    def cast(self, name: str, message: object, timeout: float | None, key: object) -> None:
        """Send a request that has no answer, to oneself, too."""

    def ask_node(self, operation: "NodeOperation", timeout: float | None) -> "NodeAnswer":
        """Ask the node, which knows all processes; raises what it answers, and `CallTimeout`."""

    def send(self, address: "Address", message: object, timeout: float | None) -> bool:
        """Send a message to one incarnation's `handle_info`; False if that is gone."""

    def reply_for(
        self, server: str, incarnation: int, link: int, number: int, value: object
    ) -> None:
        """Answer a call that was made to `server`, by way of it."""

    def abandon(self) -> None:
        """Close every link: this is a process that the worker forked."""


def checked_name(name: object) -> str:
    """Return a name; raises TypeError if it is none."""
    if not isinstance(name, str):
        raise TypeError(f"a process is named by a string, got {name!r:.100}")
    return name
