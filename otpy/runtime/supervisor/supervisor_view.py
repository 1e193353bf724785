"""Protocol of the supervisor that a router serves."""

from collections.abc import Sequence
from typing import Protocol

from otpy.core.exits import ExitReason
from otpy.core.messages import Reload, Request
from otpy.core.spec import SupervisorSpec
from otpy.core.state import Availability
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.stack_dumps import StackDumps
from otpy.system.descriptor import Descriptor


class SupervisorView(Protocol):
    """A supervisor, to its router."""

    path: str
    stacks: StackDumps

    @property
    def spec(self) -> SupervisorSpec:
        """What it supervises, and how."""

    def availability(self, id_: str) -> Availability:
        """Return whether the child runs, will run, or is gone for good."""

    def failure(self, id_: str) -> ExitReason | None:
        """Return with which reason a child has failed and stays down."""

    def comes_back(self, id_: str) -> bool:
        """Return whether a child that is being stopped will be started again by itself."""

    def send_published(self) -> None:
        """Deliver the events that were published so far."""

    def ask(self, token: int, request: Request | Reload) -> None:
        """Pass a request to the core; `Router.answer` is called with the same token."""

    def watch_owner(self, child: Child, owner: Descriptor) -> None:
        """Stop a child when the process of this pidfd ends; the descriptor is taken."""

    def send_up(self, message: object, fds: Sequence[Descriptor] = ()) -> bool:
        """Send a message and descriptors to the parent; False if it has not read for long."""
