"""The ends of children while the whole node may be stopping: told a moment later.

When systemd stops a service it signals every process at once, and workers may have ended before
the node has said that it stops. A supervisor that was signalled too holds their ends back for a
moment: a restart would run `terminate` twice, or use up the restarts that are allowed.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from otpy.runtime.supervisor.child import Child
from otpy.system.loop import Loop

_HOLD_S: Final = 1.0
"""Longest wait for the node, which was most probably signalled in the same moment."""


class DeferredExits:
    """Holds back the ends of children after a stop signal to their supervisor.

    Args:
        loop: The supervisor's.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._signalled_at = -math.inf
        self._deferred: dict[int, Callable[[], None]] = {}

    def signalled(self) -> None:
        """Note that the supervisor was sent a stop signal; called from a signal handler."""
        self._signalled_at = time.monotonic()

    def defer(self, child: Child, report: Callable[[], None]) -> None:
        """Call `report`, which reports the end of `child`: at once, or when its cause is clear."""
        seconds = self._signalled_at + _HOLD_S - time.monotonic()
        if child.stop_requested or seconds <= 0:
            report()
            return
        self._deferred[child.pid] = report
        self._loop.call_later(seconds, partial(self._release, child))

    def release_soon(self, child: Child) -> None:
        """Report the end of `child` if that is deferred: its supervisor stops it."""
        if self._deferred:
            self._loop.call_soon(partial(self._release, child))

    def _release(self, child: Child) -> None:
        if (report := self._deferred.pop(child.pid, None)) is not None:
            report()
