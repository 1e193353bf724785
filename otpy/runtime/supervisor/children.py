"""What a supervisor says of its children to its router: who is there, and what they do."""

import abc
from collections.abc import Mapping

import msgspec

from otpy.core.messages import Event, Request, Requested
from otpy.core.state import Outlook, SupervisorState, comes_back, outlook
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.owner_monitor import Owners
from otpy.system.descriptor import Descriptor
from otpy.wire.control import Plain


class Children(abc.ABC):
    """The part of a supervisor that answers for its children; see `supervisor_view`."""

    _state: SupervisorState
    _children: Mapping[str, Child]
    _pids: Mapping[int, Child]
    _owners: Owners

    @abc.abstractmethod
    def tell(self, event: Event) -> None:
        """Let the core decide about an event, and do what it says."""

    def outlook(self, id_: str) -> Outlook:
        """What somebody who looks for this child may expect."""
        return outlook(self._state, id_)

    def comes_back(self, id_: str) -> bool:
        """Tell whether a child that is being stopped will be started again by itself."""
        return comes_back(self._state, id_)

    def running(self, id_: str) -> Child | None:
        """The present incarnation, if it is up."""
        child = self.present(id_)
        return child if child is not None and child.ready and not child.is_leaving else None

    def present(self, id_: str) -> Child | None:
        """The present incarnation, from its fork on until it is known to have ended."""
        child = self._children.get(id_)
        is_there = child is not None and child.pid in self._pids and not child.reaped
        return child if is_there else None

    def ask(self, token: int, request: Request) -> None:
        """Have the core answer."""
        self.tell(Requested(token, request))

    def readings(self) -> Plain:
        """What the workers do at this moment."""
        all_ = (child.statistics() for child in self._children.values())
        return Plain([msgspec.to_builtins(each) for each in all_ if each is not None])

    def tie(self, child: Child, owner: Descriptor) -> None:
        """Stop a child when the process of this pidfd ends; the descriptor is taken."""
        self._owners.tie(child, owner)

    def pids(self) -> dict[str, int]:
        """The pids of the children that have a process."""
        return {id_: child.pid for id_, child in self._children.items()}
