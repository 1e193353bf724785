"""Find the processes that outlived their node and supervisors, by control group or mark; end them.

A tree whose node is killed stops itself. But when its supervisors are killed in the same
moment, no process is left to end what their workers had forked: init adopts it. The next run of
the node finds it, and ends it.
"""

import contextlib
import os
import select
import signal
import time
from pathlib import Path
from typing import Final

from otpy.system import cgroup
from otpy.system.descriptor import Descriptor
from otpy.system.marks import mark_node, marks_of
from otpy.system.wait import send_signal
from otpy.system.warnings import warn

_ALL_S: Final = 10.0
_NODE: Final = "node:"


def tag_environment(folder: Path) -> None:
    """Mark this process, and every one below it, as the node's of a folder."""
    mark_node(_word(folder))


def end_orphans(folder: Path, group: object = None) -> None:
    """Kill whatever was started below the node of a folder; wait until it is gone.

    To be called only while no node of that folder and no supervisor of one lives.

    Args:
        folder: The node's.
        group: Path of the control group that the node had, if it had one.
    """
    if isinstance(group, str) and group and not cgroup.kill(Path(group), _ALL_S):
        warn(f"what the last node left behind does not end: all of {group}")
    deadline = time.monotonic() + _ALL_S
    others = {os.getpid(), os.getppid()}
    # One of them may fork, and end before it is looked at: so whatever is new is looked at, too.
    while new := _pids() - others:
        left = {pid for pid in new if _carries(pid, _word(folder))}
        others |= new - left
        if time.monotonic() > deadline:
            if left:
                pids = ", ".join(map(str, sorted(left)))
                warn(f"what the last node left behind does not end: {pids}")
            return
        for pid in left:
            # It may have ended.
            with contextlib.suppress(ProcessLookupError):
                _end(pid, _word(folder), deadline)


def processes_of(folder: Path) -> list[tuple[int, str]]:
    """Return the pids and commands of what was started below the node of a folder."""
    word = _word(folder)
    found = {pid: _command(pid) for pid in sorted(_pids()) if _carries(pid, word)}
    return [(pid, command) for pid, command in found.items() if command]  # the others have ended


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return command.rstrip(b" \0").replace(b"\0", b" ").decode(errors="replace")
    return ""


def _pids() -> set[int]:
    with os.scandir("/proc") as entries:
        return {int(entry.name) for entry in entries if entry.name.isdigit()}


def _end(pid: int, word: str, deadline: float) -> None:
    with Descriptor(os.pidfd_open(pid)) as pidfd:
        ends = select.poll()
        ends.register(pidfd, select.POLLIN)
        if not _carries(pid, word):
            return  # it has ended, and another one has its pid
        send_signal(pidfd, signal.SIGKILL)
        ends.poll(max(0.0, deadline - time.monotonic()) * 1000)


def _word(folder: Path) -> str:
    """Write a folder, where it is: as this mount namespace names it, and as the kernel does."""
    found = folder.stat()
    namespace = Path("/proc/self/ns/mnt").stat().st_ino
    return f"{_NODE}{found.st_dev}-{found.st_ino}:{namespace}:{os.fsencode(folder).hex()}"


def _carries(pid: int, word: str) -> bool:
    return any(_is_same(each, word) for each in marks_of(pid) if each.startswith(_NODE))


def _is_same(one: str, other: str) -> bool:
    """Return whether two marks are of one folder.

    The path alone does not tell: it is another folder in another mount namespace, as systemd's
    PrivateTmp= makes one. Nor does the inode alone: it is used again once a folder is removed.
    """
    parts, others = (each.removeprefix(_NODE).split(":", 2) for each in (one, other))
    if len(parts) != len(others):
        return False  # of another version of otpy, or none of ours
    inode, namespace, path = parts
    inode_2, namespace_2, path_2 = others
    return path == path_2 and (inode == inode_2 or namespace == namespace_2)
