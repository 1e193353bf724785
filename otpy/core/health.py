"""When a child is unhealthy: its probe has failed several times on end."""

from dataclasses import dataclass

from otpy.core.probes import Probe


@dataclass(frozen=True, slots=True)
class Health:
    """What is asked of a child while it runs, and how often in succession that may fail.

    Attributes:
        probe: What is asked, and when.
        failures: At so many tries on end that failed, the child is unhealthy.
    """

    probe: Probe
    failures: int = 3

    def failures_after(self, failures: int, *, held: bool) -> int:
        """Return how many tries on end have failed, after one more."""
        return 0 if held else failures + 1

    def is_too_many(self, failures: int) -> bool:
        """Return whether these make the child unhealthy."""
        return failures >= self.failures
