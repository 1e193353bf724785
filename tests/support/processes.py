"""The processes below this one, seen from outside: which run, which were left behind.

Other people's processes are passed over: what they are called, and whether they may be read, is
no business of the tests.
"""

import contextlib
import ctypes
import os
import select
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

DEADLINE_S: Final = float(os.environ.get("OTPY_TEST_DEADLINE_S", "60"))
"""The one deadline of every wait: far more than anything takes on a busy machine."""

_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper() -> None:
    """Become the parent of what a killed node leaves behind, so that it can be seen."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat_of(pid: int) -> list[str] | None:
    """Read /proc/PID/stat from the state on; None if it is gone or may not be read."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123  # half the time of Path
            text = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name before it is any bytes: the kernel cuts it at the 15th, within a character too.
    return text[text.rindex(b")") + 2 :].decode("ascii").split()


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def descendants(top: int) -> list[int]:
    """List all processes below `top`, zombies included."""
    return list(_states_below(top))


def living_below(top: int) -> list[int]:
    """List the processes below `top` that run."""
    return [pid for pid, stat in _states_below(top).items() if stat[0] not in "ZX"]


def _states_below(top: int) -> dict[int, list[str]]:
    """Return the stat of each process below `top`."""
    stats: dict[int, list[str]] = {}
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  # names are all that is needed
        if name.isdigit() and (stat := stat_of(int(name))) is not None:
            stats[int(name)] = stat
            children.setdefault(int(stat[1]), []).append(int(name))
    found: dict[int, list[str]] = {}
    todo = [top]
    while todo:
        below = children.get(todo.pop(), [])
        found |= {pid: stats[pid] for pid in below}
        todo += below
    return found


def describe(pids: Iterable[int]) -> str:
    """Show processes with what they are, for a failure's text."""
    return "\n".join(f"  {pid}: {_command(pid)} {stat_of(pid)}" for pid in pids) or "  none"


def _command(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "gone"
    return command.replace(b"\0", b" ").decode(errors="replace")


def reap_adopted(known: Iterable[int]) -> list[int]:
    """Reap what fell to this process, was none of `known`, and has ended.

    Returns:
        The processes below this one that run.
    """
    ours = os.getpid()
    stats = _states_below(ours)
    for pid, stat in stats.items():
        if stat[0] == "Z" and int(stat[1]) == ours and pid not in known:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
    return [pid for pid, stat in stats.items() if stat[0] not in "ZX"]


def await_end(pid: int, deadline: float | None = None) -> bool:
    """Wait until a process has ended; return whether it did by `deadline`, a monotonic time."""
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


def stop(pid: int) -> None:
    """Stop a process by SIGSTOP; it has stopped when this returns."""
    os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + DEADLINE_S
    # Nobody but its parent is told of it.
    while (stat := stat_of(pid)) is not None and stat[0] != "T":
        assert time.monotonic() < until, f"{pid} does not stop"
        os.sched_yield()


def descriptors(pid: int) -> dict[int, str]:
    """List the open descriptors of a process, with what they are."""
    found: dict[int, str] = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found[int(entry.name)] = str(entry.readlink())
    return found
