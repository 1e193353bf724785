"""Limits that a process sets for itself."""

import resource
from typing import Final, TypeAlias

Amount: TypeAlias = int | str | None
"""Of a limit: a number, ``infinity``, or None to leave it as it is."""

MOST_MEMORY: Final = 1 << 30
"""Bytes of a gateway: what the largest request takes as it passes, several times."""


def limit_memory(most: int) -> None:
    """Limit memory: allocations above `most` bytes fail, before the kernel ends the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def set_limit(name: str, soft: Amount, hard: Amount) -> None:
    """Limit a resource of this process, by its name in lower case.

    Raises:
        OSError: It may not.
        ValueError: It may not, as Python tells it.
    """
    number = resource_number(name)
    soft_now, hard_now = resource.getrlimit(number)
    new_soft, new_hard = limit_number(soft), limit_number(hard)
    if new_hard is None:
        new_hard = hard_now
    if new_soft is None:
        new_soft = soft_now
        if new_hard != resource.RLIM_INFINITY:
            new_soft = new_hard if soft_now == resource.RLIM_INFINITY else min(soft_now, new_hard)
    resource.setrlimit(number, (new_soft, new_hard))


def resource_number(name: str) -> int:
    """Return the number of a resource, by its name in lower case."""
    return int(getattr(resource, f"RLIMIT_{name.upper()}"))


def limit_number(amount: Amount) -> int | None:
    """Return an amount as setrlimit(2) takes it; None if it is to stay as it is."""
    return resource.RLIM_INFINITY if isinstance(amount, str) else amount
