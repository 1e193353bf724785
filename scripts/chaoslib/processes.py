"""The processes of the node under chaos, as /proc shows them; reading it disturbs nobody."""

import contextlib
import ctypes
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes:
        title: ``otpy: `` and what follows it, without that; else its command line.
        state: ``Z`` is a zombie.
    """

    pid: int
    parent: int
    state: str
    title: str


def become_subreaper() -> None:
    """Become the parent of what a killed node leaves behind, so that it can be seen."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def one(pid: int) -> list[Process]:
    """Return a process by its pid; none if it is gone."""
    found = _read(pid)
    return [] if found is None else [found]


def below(top: int) -> dict[int, Process]:
    """Return all processes below `top`, by pid; itself is not among them."""
    by_parent: dict[int, list[Process]] = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (found := _read(int(entry.name))) is not None:
            by_parent[found.parent].append(found)
    result: dict[int, Process] = {}
    todo = [top]
    while todo:
        for process in by_parent.get(todo.pop(), ()):
            result[process.pid] = process
            todo.append(process.pid)
    return result


def _read(pid: int) -> Process | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        line = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    state, parent, *_ = stat[stat.rindex(")") + 2 :].split()
    title = line.replace(b"\0", b" ").decode(errors="replace").strip()
    return Process(pid, int(parent), state, title.removeprefix("otpy: "))


def kill_all(processes: Sequence[Process], top: int, note: Callable[[Process], None]) -> None:
    """Kill processes of our own tree, one right after the other: never one that has its pid since.

    Args:
        processes: As they were seen; of those that have ended since, nothing is done.
        top: The node, which is the top of the tree.
        note: Called with each one before any is killed.
    """
    with contextlib.ExitStack() as stack:
        pidfds = []
        for process in processes:
            with contextlib.suppress(OSError):
                pidfd = os.pidfd_open(process.pid)
                stack.callback(os.close, pidfd)
                # From here on the pid cannot become another's: so it is looked at once more.
                if _is_still(process, top):
                    note(process)
                    pidfds.append(pidfd)
        for pidfd in pidfds:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _is_still(process: Process, top: int) -> bool:
    now = _read(process.pid)
    if now is None or now.state == "Z" or now.parent != process.parent:
        return False
    return process.pid == top or _is_below(process.pid, top)


def _is_below(pid: int, top: int) -> bool:
    while pid > 1:
        if pid == top:
            return True
        found = _read(pid)
        pid = 0 if found is None else found.parent
    return False


def open_files(pid: int) -> int:
    """Count the open descriptors of a process."""
    return sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())


def memory(pid: int) -> dict[str, int]:
    """Return the PSS and the USS of a process, and its anonymous memory, in KiB."""
    sizes: dict[str, int] = defaultdict(int)
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        sizes[name] = int(value)
    uss = sizes["Private_Clean:"] + sizes["Private_Dirty:"]
    return {"pss": sizes["Pss:"], "uss": uss, "anonymous": sizes["Anonymous:"]}


def reap_adopted(known: int) -> None:
    """Reap what fell to this process and has ended; the node, `known`, is waited for elsewhere."""
    for process in below(os.getpid()).values():
        if process.parent == os.getpid() and process.state == "Z" and process.pid != known:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
