"""The memory of processes, as /proc tells it."""

import os
from collections.abc import Iterable, Iterator
from typing import Final

_KIB: Final = 1 << 10


def memory_of(pids: Iterable[int], limit: float) -> int:
    """Return the bytes of memory that some processes have together.

    What they share is counted once (PSS, with what was swapped out). To count that, the kernel
    looks at every page, so it is done only if the processes could have `limit` bytes or more;
    otherwise what they share counts for each (RSS), which is never less.
    """
    known = tuple(pids)
    most = sum(resident(pid) or 0 for pid in known)
    return most if most < limit else sum(map(_at_best, known))


def _at_best(pid: int) -> int:
    exact = proportional(pid)
    return (resident(pid) or 0) if exact is None else exact


def proportional(pid: int) -> int | None:
    """Return the bytes of a process, each page that it shares by its share; None if unknown.

    That may be looked at by its own user alone, and not of a set-uid program.
    """
    return _fields(pid, "smaps_rollup", (b"Pss", b"SwapPss"))


def resident(pid: int) -> int | None:
    """Return the bytes of a process, those that it shares in full; None if unknown."""
    return _fields(pid, "status", (b"VmRSS", b"VmSwap"))


def _fields(pid: int, file: str, names: tuple[bytes, ...]) -> int | None:
    """Add fields that are told in KiB; None if they cannot be read: it may be gone."""
    try:
        with open(f"/proc/{pid}/{file}", "rb") as lines:  # noqa: PTH123  # half the time of Path
            found = dict(line.split(b":", 1) for line in lines.read().splitlines() if b":" in line)
    except OSError:
        return None
    return sum(int(found[name].split()[0]) * _KIB for name in names if name in found)


def descendants(pid: int) -> Iterator[int]:
    """Yield a process and all that it, and those, have started and that have not been orphaned."""
    waiting = [pid]
    while waiting:
        yield (parent := waiting.pop())
        waiting.extend(_children(parent))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        with os.scandir(f"/proc/{pid}/task") as threads:
            for thread in threads:
                with open(f"{thread.path}/children", "rb") as pids:  # noqa: PTH123  # as above
                    found.extend(map(int, pids.read().split()))
    except OSError:
        pass  # it has just ended, or this kernel does not tell
    return found
