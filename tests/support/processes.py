"""The processes below this one, seen from outside: who lives, who was left behind."""

import contextlib
import ctypes
import os
import select
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

DEADLINE_S: Final = float(os.environ.get("OTPY_TEST_DEADLINE_S", "60"))
"""The one deadline of every wait: far more than anything takes on a busy machine."""

_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper() -> None:
    """Have what a killed node leaves behind fall to this process, where it can be seen."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat_of(pid: int) -> list[str] | None:
    """Read /proc/PID/stat from the state on; None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2 :].split()


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def descendants(top: int) -> list[int]:
    """List all processes below `top`, zombies included."""
    parents: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (stat := stat_of(int(entry.name))) is not None:
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found: list[int] = []
    todo = [top]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return found


def living_below(top: int) -> list[int]:
    """List the processes below `top` that run."""
    return [pid for pid in descendants(top) if is_alive(pid)]


def describe(pids: Iterable[int]) -> str:
    """Show processes with what they are, for a failure's text."""
    return "\n".join(f"  {pid}: {_command(pid)} {stat_of(pid)}" for pid in pids) or "  none"


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "gone"


def reap_adopted(known: Iterable[int]) -> None:
    """Reap what fell to this process, was none of `known`, and has ended."""
    for pid in descendants(os.getpid()):
        stat = stat_of(pid)
        if stat and stat[0] == "Z" and int(stat[1]) == os.getpid() and pid not in known:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def await_end(pid: int, deadline: float | None = None) -> bool:
    """Wait until a process has ended; tell whether it did by `deadline`, a monotonic time."""
    until = time.monotonic() + DEADLINE_S if deadline is None else deadline
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))
    finally:
        os.close(pidfd)


def descriptors(pid: int) -> dict[int, str]:
    """List the open descriptors of a process, with what they are."""
    found: dict[int, str] = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found[int(entry.name)] = str(entry.readlink())
    return found
