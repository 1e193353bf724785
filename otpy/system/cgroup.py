"""A control group of one's own (cgroups(7), version 2), where the kernel and the user allow one.

Whatever is started in it stays in it, whatever becomes of its environment, its descriptors and its
parents, and all of it can be killed at once.
"""

import contextlib
import os
import select
import time
from pathlib import Path
from typing import Final

_PREFIX: Final = "otpy-"
_MEMBERS: Final = "cgroup.procs"
_EVENTS: Final = "cgroup.events"
_KILL: Final = "cgroup.kill"

_TRIES: Final = 3
"""Another node that starts may take an empty group for one that was left."""


def enter_own(name: str) -> Path | None:
    """Create a group below that of this process, and move there; None if that fails."""
    above = own_group()
    if above is None:
        return None
    for left in above.glob(f"{_PREFIX}*"):
        _remove(left)  # of one that was killed; it does nothing while a process is in it
    for _ in range(_TRIES):
        if _enter(group := above / f"{_PREFIX}{name}"):
            return group
        _remove(group)
    return None


def _enter(group: Path) -> bool:
    try:
        group.mkdir()
        if not (group / _KILL).exists():  # since Linux 5.14
            return False
        (group / _MEMBERS).write_text(str(os.getpid()))
    except OSError:
        return False
    return True


def leave(group: Path) -> None:
    """Move this process to where it was before, and remove the group if it is empty then."""
    with contextlib.suppress(OSError):
        (group.parent / _MEMBERS).write_text(str(os.getpid()))
    _remove(group)


def kill(group: Path, seconds: float) -> bool:
    """Kill everything in a group that `enter_own` made, and remove it.

    Returns:
        Whether it is empty now, or not there; it is waited for at most for `seconds`.
    """
    own = own_group()
    if not group.name.startswith(_PREFIX) or own is None or group in (own, *own.parents):
        return True  # it is not what it should be
    deadline = time.monotonic() + seconds
    try:
        (group / _KILL).write_text("1")
        with (group / _EVENTS).open("rb") as events:
            changed = select.poll()
            changed.register(events, select.POLLPRI)
            while b"populated 1" in os.pread(events.fileno(), 1 << 10, 0):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                changed.poll(left * 1000)
    except OSError:
        return not group.exists()
    _remove(group)
    return True


def own_group() -> Path | None:
    """Return the directory of the group that this process is in; None if there is none."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    inside = next((line[3:] for line in groups if line.startswith("0::/")), None)
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        if inside is not None and after.startswith("cgroup2 "):
            root, place = before.split()[3:5]
            if f"{inside}/".startswith(f"{root.rstrip('/')}/"):
                return Path(place, inside.removeprefix(root).lstrip("/"))
    return None


def _remove(group: Path) -> None:
    with contextlib.suppress(OSError):
        group.rmdir()
