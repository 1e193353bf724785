"""What a process of this node may not be given, known before anything is started."""

import os
import resource
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from otpy.system.accounts import Account
from otpy.system.limits import Amount, limit_number, resource_number

_SET_GROUPS: Final = 6
_SET_USER: Final = 7
_RAISE_NICE: Final = 23
_RAISE_LIMITS: Final = 24
"""Numbers of capabilities (capabilities(7))."""

_NICE_OF_LIMIT: Final = 20
"""What RLIMIT_NICE is subtracted from."""


def _has_capability(number: int) -> bool:
    """Return whether this process has a capability in effect."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    line = next((line for line in status.splitlines() if line.startswith("CapEff:")), "CapEff: 0")
    return bool(int(line.split()[1], 16) >> number & 1)


def why_not_account(account: Account, *, says_group: bool) -> str:
    """Return why this process may not become that user and group; empty if it may."""
    if account.uid != os.geteuid() and not _has_capability(_SET_USER):
        return "this node may not become another user: it is not root"
    other_group = says_group and account.gid != os.getegid()
    if (other_group or account.uid != os.geteuid()) and not _has_capability(_SET_GROUPS):
        return "this node may not change its group: it is not root"
    return ""


def why_not_nice(value: int) -> str:
    """Return why this process may not have that nice value; empty if it may."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    soft, _ = resource.getrlimit(resource.RLIMIT_NICE)
    least = -_NICE_OF_LIMIT if soft == resource.RLIM_INFINITY else _NICE_OF_LIMIT - soft
    if value >= min(now, least) or _has_capability(_RAISE_NICE):
        return ""
    return f"{min(now, least)} or more: this node is not root"


def why_not_cpus(cpus: Iterable[int]) -> str:
    """Return why this process may not run on these CPUs alone; empty if it may."""
    mine = os.sched_getaffinity(0)
    if set(cpus) & mine:
        return ""
    return f"some of those that this node may run on: {', '.join(map(str, sorted(mine)))}"


def why_not_limit(name: str, soft: Amount, hard: Amount) -> str:
    """Return why this process may not have a limit; empty if it may."""
    _, most = resource.getrlimit(resource_number(name))
    asked = [number for each in (soft, hard) if (number := limit_number(each)) is not None]
    if most == resource.RLIM_INFINITY or _has_capability(_RAISE_LIMITS):
        return ""
    if any(number == resource.RLIM_INFINITY or number > most for number in asked):
        return f"at most {most}, the hard limit of this node, which is not root"
    return ""


def why_not_folder(path: str) -> str:
    """Return what was expected of a working directory that cannot be one; empty if it can."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  # as the kernel takes it
    except FileNotFoundError:
        return "a directory that exists"
    except OSError as error:
        return f"a directory that can be entered: {error.strerror}"
    return "" if stat.S_ISDIR(mode) else "a directory"


def why_not_log_file(path: str) -> str:
    """Return what was expected of a file to log to that cannot be one; empty if it can."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  # as the kernel takes it
    except FileNotFoundError:
        return _why_not_made(path)
    except OSError as error:
        return f"a file that can be written: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "a regular file, or none" if not stat.S_ISDIR(mode) else "a file, not a directory"
    return "" if os.access(path, os.W_OK) else "a file that this node may write"


def _why_not_made(path: str) -> str:
    folder = path.rpartition("/")[0] or "/"
    if path.endswith("/"):
        return "a file, not a directory"
    if why_not_folder(folder):
        return "a file in a directory that exists"
    return (
        "" if os.access(folder, os.W_OK | os.X_OK) else "a file in a directory that may be written"
    )
