"""Children that end when the process does that began them."""

from collections.abc import Callable

from otpy.runtime.supervisor.child import Child
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop


class OwnerMonitor:
    """Watches the owners of children.

    Args:
        loop: The supervisor's.
        stop: Has a child stopped, given its id; those ids are never given again.
    """

    def __init__(self, loop: Loop, stop: Callable[[str], None]) -> None:
        self._loop, self._stop = loop, stop
        self._pidfds: dict[int, Descriptor] = {}

    def watch(self, child: Child, owner: Descriptor) -> None:
        """Stop a child when the process of this pidfd ends; the descriptor is taken."""
        self._pidfds[child.pid] = owner
        self._loop.watch(owner, lambda _events: self._ended(child))

    def unwatch(self, child: Child) -> None:
        """Watch no more: the child has ended, or is told to."""
        pidfd = self._pidfds.pop(child.pid, None)
        if pidfd is not None:
            pidfd.close()

    def _ended(self, child: Child) -> None:
        self.unwatch(child)
        self._stop(child.spec.id)
