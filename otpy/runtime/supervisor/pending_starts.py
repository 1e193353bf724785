"""Starts that the core has decided on and that have no process yet: try, and try again."""

from collections.abc import Callable
from typing import Final

from otpy.core.exits import ExitReason, Raised, Shutdown
from otpy.core.spec import ChildSpec
from otpy.runtime.supervisor.reaper import Reaper
from otpy.system.loop import Loop
from otpy.system.warnings import calm, warn_once

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 1.0
_TOPIC: Final = "starting children"


class PendingStarts:
    """Starts children when nothing of those before them is left.

    What the system refuses, for want of processes, descriptors or memory, is tried again, later
    and later: it is no failure of the child's, which is not to cost it its restarts. But a
    caller that waits for a first start, or for one that it asked for, gets the failure.

    Args:
        loop: The supervisor's: its other events are served between two tries.
        reaper: Ends what dead children have left behind.
        start: Starts a child, given its spec and its incarnation; raises the system's error.
        failed: Called with id, incarnation and reason of a start that came to no process.
        is_asked: Returns whether the present start was requested.
    """

    def __init__(
        self,
        loop: Loop,
        reaper: Reaper,
        start: Callable[[ChildSpec, int], None],
        failed: Callable[[str, int, ExitReason], None],
        is_asked: Callable[[], bool],
    ) -> None:
        self._loop, self._reaper = loop, reaper
        self._start, self._failed, self._is_asked = start, failed, is_asked
        self._pending: dict[str, int] = {}
        self._pause = _FIRST_PAUSE_S

    def begin(self, spec: ChildSpec, incarnation: int) -> None:
        """Start an incarnation; a later one only when nothing of those before it is left."""
        self._pending[spec.id] = incarnation
        if incarnation == 1:
            self._try(spec, incarnation)
        else:
            self._reaper.clear(lambda: self._try(spec, incarnation))

    def cancel(self, id_: str, reason: ExitReason = Shutdown()) -> bool:  # noqa: B008  # frozen
        """Cancel a start that has no process yet; return whether there was one."""
        incarnation = self._pending.get(id_)
        if incarnation is None:
            return False
        self._give_up(id_, incarnation, reason)
        return True

    def _try(self, spec: ChildSpec, incarnation: int) -> None:
        if self._pending.get(spec.id) != incarnation:
            return  # it was given up meanwhile
        try:
            self._start(spec, incarnation)
        except (OSError, MemoryError) as error:
            self._refused(spec, incarnation, error)
        else:
            del self._pending[spec.id]
            self._pause = _FIRST_PAUSE_S
            calm(_TOPIC)

    def _refused(self, spec: ChildSpec, incarnation: int, error: Exception) -> None:
        why = f"{type(error).__name__}: {error}"
        if incarnation == 1 or self._is_asked():
            # Not at once: whatever follows is to find that the other events have been served.
            self._loop.call_soon(lambda: self._give_up(spec.id, incarnation, Raised(why)))
            return
        warn_once(_TOPIC, f"cannot start {spec.id!r}: {why}; trying again until it can be started")
        self._loop.call_later(self._pause, lambda: self._try(spec, incarnation))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)

    def _give_up(self, id_: str, incarnation: int, reason: ExitReason) -> None:
        if self._pending.get(id_) == incarnation:
            del self._pending[id_]
            self._failed(id_, incarnation, reason)
