"""Asks a probe again and again: every so often, each try within its time."""

import time
from collections.abc import Callable

from otpy.core.probes import Probe
from otpy.core.surroundings import NODES, Surroundings
from otpy.runtime.supervisor.attempts import Attempt, begin
from otpy.runtime.supervisor.helpers import Helpers
from otpy.system.loop import Loop, Timer


class Prober:
    """Reports the result of every try, until it is closed.

    A try begins `every` seconds after the one before has begun, or when that is over. What it
    waits for keeps nothing else in the supervisor waiting.

    Args:
        loop: The supervisor's.
        helpers: The supervisor's.
        probe: What is asked, and when.
        report: Called with why a try failed, "" if the probe holds.
        given: What the programs of `exec` start in.
    """

    def __init__(
        self,
        loop: Loop,
        helpers: Helpers,
        probe: Probe,
        report: Callable[[str], None],
        given: Surroundings = NODES,
    ) -> None:
        self._loop, self._helpers = loop, helpers
        self._probe, self._report, self._given = probe, report, given
        self._attempt: Attempt | None = None
        self._began = 0.0
        self._timer: Timer = loop.call_later(probe.after, self._try)

    def close(self) -> None:
        """Ask no more, and report nothing more; fine if it was closed."""
        self._timer.cancel()
        if self._attempt is not None:
            self._attempt.close()
            self._attempt = None

    def _try(self) -> None:
        self._began = time.monotonic()
        self._timer = self._loop.call_later(self._probe.timeout, self._late)
        try:
            self._attempt = begin(
                self._loop, self._helpers, self._probe.question, self._given, self._over
            )
        except (OSError, MemoryError) as error:  # the supervisor's shortage, and no answer
            self._over(f"{type(error).__name__}: {error}")

    def _late(self) -> None:
        assert self._attempt is not None
        why = self._attempt.time_out()
        self._over(why)

    def _over(self, why: str) -> None:
        self._attempt = None
        self._timer.cancel()
        pause = max(0.0, self._began + self._probe.every - time.monotonic())
        self._timer = self._loop.call_later(pause, self._try)
        self._report(f"{self._probe.question}: {why}" if why else "")
