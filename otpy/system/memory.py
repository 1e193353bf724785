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
    resident = sum(_fields(pid, "status", (b"VmRSS", b"VmSwap")) or 0 for pid in known)
    return resident if resident < limit else sum(map(_proportional, known))


def _proportional(pid: int) -> int:
    exact = _fields(pid, "smaps_rollup", (b"Pss", b"SwapPss"))
    if exact is None:  # another user's, a set-uid program: not ours to see in detail
        exact = _fields(pid, "status", (b"VmRSS", b"VmSwap"))
    return exact or 0


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
