"""The sliding window of restarts (supervisor.erl, ``add_restart``)."""

from dataclasses import dataclass
from typing import Final

from otpy.core.spec import RestartIntensity

_MOST: Final = 1000
"""So many restarts are counted where any number of them is allowed."""


@dataclass(frozen=True, slots=True)
class RestartLog:
    """Clock times, in seconds and oldest first, of the restarts still counted."""

    times: tuple[float, ...] = ()

    def record(self, now: float, limit: RestartIntensity) -> "RestartLog":
        """Add a restart at `now` and forget those that left the window.

        A restart exactly `max_seconds` old still counts, as in OTP.
        """
        oldest = 0
        for time in self.times:  # each is left out once, in however many restarts
            if now - time <= limit.max_seconds:
                break
            oldest += 1
        if limit.max_restarts is None:
            oldest = max(oldest, len(self.times) + 1 - _MOST)
        return RestartLog((*self.times[oldest:], now))

    def exceeds(self, limit: RestartIntensity) -> bool:
        """Return whether there were too many: `max_restarts` are allowed, one more is not."""
        return limit.max_restarts is not None and len(self.times) > limit.max_restarts
