"""Limits that a process sets for itself."""

import resource
from typing import Final

MOST_MEMORY: Final = 1 << 30
"""Bytes of a gateway: what the largest request takes as it passes, several times."""


def limit_memory(most: int) -> None:
    """Limit memory: allocations above `most` bytes fail, before the kernel ends the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
