"""Read facts of other processes from /proc."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
_MOST_ANCESTORS: Final = 1000


def boot_time() -> float:
    """Return the seconds since the machine started, as `started_before` counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def started_before(pid: int, moment: float) -> bool:
    """Return whether a process certainly started before a `boot_time`."""
    ticks = start_time(pid)
    return ticks is not None and (ticks + 1) / TICKS < moment


def parent_of(pid: int) -> int | None:
    """Return the pid of a process's parent; None if it is gone, or not ours to see."""
    stat = stat_fields(pid)
    return None if stat is None else int(stat[1])


def ancestry_of(pid: int) -> Iterator[tuple[int, int, int]]:
    """Yield pid, process group and session of a process, then of its parents, as far as seen."""
    for _ in range(_MOST_ANCESTORS):
        if (stat := stat_fields(pid)) is None:
            return
        yield pid, int(stat[2]), int(stat[3])
        pid = int(stat[1])


def command_line(pid: int) -> bytes:
    """Return the words that `pid` was started with, a NUL behind each; b"" if it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123  # half the time of Path
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def start_time(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot.

    None if it is gone, a zombie, or not ours to see: /proc may be mounted with ``hidepid``, as
    systemd's ProtectProc= does.
    """
    stat = stat_fields(pid)
    return None if stat is None or stat[0] in (b"Z", b"X") else int(stat[19])


def stat_fields(pid: int) -> list[bytes] | None:
    """Read the fields of /proc/PID/stat from the state on (proc(5), field 3)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # half the time of Path
            text = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The command name stands in parentheses and may itself hold spaces and parentheses.
    return text[text.rindex(b")") + 2 :].split()


@dataclass(frozen=True, slots=True)
class SignalMasks:
    """The signals that a thread has pending, blocked or handled: bit n - 1 is signal n.

    Attributes:
        pending: Sent to it or to its process, and not delivered.
        blocked: Not to be delivered now; those whose handler runs are among them.
        caught: Of the process: those that have a handler.
    """

    pending: int
    blocked: int
    caught: int


def signal_masks(pid: int) -> list[SignalMasks]:
    """Read the masks of each thread; none if the process is gone, or not ours to see."""
    try:
        with os.scandir(f"/proc/{pid}/task") as threads:
            masks = [_masks(f"{thread.path}/status") for thread in threads]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    return [each for each in masks if each is not None]


def _masks(path: str) -> SignalMasks | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # as above
            fields = dict(line.split(b":", 1) for line in file.read().splitlines())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None  # this thread has just ended
    own, shared, blocked, caught = (
        int(fields[key], 16) for key in (b"SigPnd", b"ShdPnd", b"SigBlk", b"SigCgt")
    )
    return SignalMasks(own | shared, blocked, caught)
