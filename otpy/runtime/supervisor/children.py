"""The children of a supervisor that have a process."""

import msgspec

from otpy.runtime.supervisor.child import Child
from otpy.wire.control import RawReply


class Children:
    """A table of them, by id, and by pid until they are reaped.

    Attributes:
        by_pid: Those that are not reaped yet; to be read only.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, Child] = {}
        self.by_pid: dict[int, Child] = {}

    def add(self, child: Child) -> None:
        """Note a child that has just been started."""
        self._by_id[child.spec.id] = self.by_pid[child.pid] = child

    def reaped(self, child: Child) -> None:
        """Note that its pid may be another process's from now on."""
        del self.by_pid[child.pid]

    def remove(self, child: Child) -> None:
        """Forget a child that has ended, and all of its processes with it."""
        del self._by_id[child.spec.id]

    def get(self, id_: str) -> Child | None:
        """Return the present incarnation, from its fork on until nothing is left of it."""
        return self._by_id.get(id_)

    def running(self, id_: str) -> Child | None:
        """Return the present incarnation, if it is up."""
        child = self.present(id_)
        return child if child is not None and child.ready and not child.is_leaving else None

    def present(self, id_: str) -> Child | None:
        """Return the present incarnation, from its fork on until it is known to have ended."""
        child = self._by_id.get(id_)
        return child if child is not None and self.is_unreaped(child) and not child.reaped else None

    def is_unreaped(self, child: Child) -> bool:
        """Return whether `reaped` has not been called for the child."""
        return child.pid in self.by_pid

    def readings(self) -> RawReply:
        """Return the counters of the workers at this moment."""
        all_ = (child.statistics() for child in self._by_id.values())
        return RawReply([msgspec.to_builtins(each) for each in all_ if each is not None])

    def pids(self) -> dict[str, int]:
        """Return the pids of the children that have a process."""
        return {id_: child.pid for id_, child in self._by_id.items()}
