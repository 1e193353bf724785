"""The sliding window of restarts (supervisor.erl, ``add_restart``)."""

from dataclasses import dataclass

from otpy.core.spec import RestartIntensity


@dataclass(frozen=True, slots=True)
class RestartLog:
    """Clock times, in seconds and oldest first, of the restarts still counted."""

    times: tuple[float, ...] = ()

    def record(self, now: float, limit: RestartIntensity) -> "RestartLog":
        """Add a restart at `now` and forget those that left the window.

        A restart exactly `max_seconds` old still counts, as in OTP.
        """
        recent = tuple(t for t in self.times if now - t <= limit.max_seconds)
        return RestartLog((*recent, now))

    def exceeds(self, limit: RestartIntensity) -> bool:
        """Tell whether there were too many: `max_restarts` are allowed, one more is not."""
        return len(self.times) > limit.max_restarts
