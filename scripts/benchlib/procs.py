"""What /proc tells of the processes under measurement; reading it does not wake them."""

from collections import defaultdict
from pathlib import Path

_PROC = Path("/proc")


def pss_mib(pid: int) -> float:
    """Return the proportional set size of a process: shared pages count by their share."""
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no Pss of {pid}")


def switches(pid: int) -> int:
    """Count how often the threads of a process were put on and off a processor so far."""
    total = 0
    for task in (_PROC / str(pid) / "task").iterdir():
        for line in (task / "status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"):
                total += int(value)
    return total


def descendants(root: int) -> list[int]:
    """List `root` and all processes below it."""
    below = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            below[parent].append(int(entry.name))
    found = [root]
    for pid in found:
        found += below[pid]
    return found


def _parent(entry: Path) -> int | None:
    try:
        stat = (entry / "stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def anonymous_kib(pid: int) -> int:
    """Return the anonymous memory of a process: it does not change because another one forks."""
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    raise ValueError(f"no anonymous memory of {pid}")


def available_mib() -> float:
    """Return how much memory the system has for new processes, as the kernel estimates it."""
    for line in (_PROC / "meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no MemAvailable")
