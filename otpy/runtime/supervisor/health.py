"""Probes a child while it runs, and finds it unhealthy when it has failed several times on end."""

import re
from collections.abc import Callable
from typing import Final

from otpy.core.exits import Unhealthy
from otpy.core.health import Health
from otpy.core.surroundings import Surroundings
from otpy.runtime.supervisor.helpers import Helpers
from otpy.runtime.supervisor.prober import Prober
from otpy.system.loop import Loop

_STATUS: Final = re.compile(r"status (\d+), not \d+")


class HealthCheck:
    """Probes one child from when it is up until it ends.

    Args:
        loop: The supervisor's.
        helpers: The supervisor's.
        health: What is asked, and how often it may fail.
        given: What the programs of `exec` start in.
        unhealthy: Called once, with the reason.
    """

    def __init__(
        self,
        loop: Loop,
        helpers: Helpers,
        health: Health,
        given: Surroundings,
        unhealthy: Callable[[Unhealthy], None],
    ) -> None:
        self._health, self._unhealthy = health, unhealthy
        self._failures = 0
        self._prober = Prober(loop, helpers, health.probe, self._tried, given)

    def close(self) -> None:
        """Ask no more."""
        self._prober.close()

    def _tried(self, why: str) -> None:
        self._failures = self._health.failures_after(self._failures, held=not why)
        if self._health.is_too_many(self._failures):
            self.close()
            self._unhealthy(Unhealthy(in_short(why, str(self._health.probe.question))))


def in_short(why: str, question: str) -> str:
    """Return why a probe failed, without what it asked: ``http 503``, ``connection refused``."""
    told = why.removeprefix(f"{question}: ")
    status = _STATUS.fullmatch(told)
    return told if status is None else f"http {status[1]}"
