"""What is counted, and what must not be: shared by all threads of the chaos."""

import random
import sys
import threading
from collections import Counter
from typing import Any, Final

_TELL_EVERY: Final = 1000


class Tally:
    """Counts by name, and violations in words.

    Attributes:
        counts: How often what happened.
        violations: What must not happen and did, the first of each kind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._kinds: Counter[str] = Counter()

    def count(self, what: str, times: int = 1) -> None:
        """Count something."""
        with self._lock:
            self.counts[what] += times

    def violate(self, kind: str, detail: str) -> None:
        """Note something that must not happen; of each kind only a few are kept in words."""
        with self._lock:
            self._kinds[kind] += 1
            if self._kinds[kind] <= 5:
                self.violations.append(f"{kind}: {detail}")

    def told(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "counts": self.counts,
            "violations": self.violations,
            "kinds": self._kinds,
        }

    def add(self, told: dict[str, Any]) -> None:
        """Add what another process has told."""
        self.counts.update(told["counts"])
        self.violations += told["violations"]
        self._kinds.update(told["kinds"])

    def violated(self, kind: str) -> int:
        """Return how often something of this kind happened."""
        with self._lock:
            return self._kinds[kind]


class Progress:
    """Says on stderr how far it is, every so many kills; there it disturbs no table."""

    def __init__(self, tally: Tally) -> None:
        self._tally, self._next = tally, _TELL_EVERY

    def tell(self, kills: int) -> None:
        """Print it if it is time to."""
        if kills >= self._next:
            self._next = kills - kills % _TELL_EVERY + _TELL_EVERY
            sys.stderr.write(f"... {kills} kills, {len(self._tally.violations)} violations\n")


def choices(seed: object) -> random.Random:
    """Return what chooses the same every time, for one seed."""
    return random.Random(str(seed))  # noqa: S311  # nothing is secret here
