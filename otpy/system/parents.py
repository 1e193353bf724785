"""Check whether another user could replace a directory of this user's.

A user that may write into a directory may rename what is in it, whatever its owner; unless it is
sticky, as /tmp is (unlink(2), EPERM).
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otpy.errors import RuntimeDirError

_MEND: Final = "set OTPY_DIR to a directory of your own"


def refuse_unsafe_parents(path: Path) -> None:
    """Refuse a directory that others may replace: look at all that lead to it, links included.

    Raises:
        RuntimeDirError: It names the one at fault.
    """
    for entry in _steps(path):
        _refuse(entry, path)


def _steps(path: Path) -> Iterator[Path]:
    """Yield what is passed on the way to `path`, from the root on; then where links lead."""
    yield from (*reversed(path.parents), path)
    real = Path(os.path.realpath(path))
    if real != path:
        yield from (*reversed(real.parents), real)


def _refuse(entry: Path, path: Path) -> None:
    """Refuse an entry of a directory that lets others replace it, or that others have put there."""
    try:
        directory = entry.parent.stat()
    except OSError:
        return  # not there yet, or not to be read: its use says so
    if not _others_may_write(directory):
        return
    if not directory.st_mode & stat.S_ISVTX:
        mode = stat.S_IMODE(directory.st_mode)
        raise RuntimeDirError(
            f"{entry.parent}: others may write there, with mode {mode:04o} and not sticky, and so "
            f"replace {path}; run `chmod go-w {entry.parent}`, or {_MEND}"
        )
    owner = _owner(entry)
    if entry != path and owner not in (None, 0, os.geteuid()):
        raise RuntimeDirError(f"{entry}: belongs to user {owner}, who may replace {path}; {_MEND}")


def _owner(entry: Path) -> int | None:
    try:
        return entry.lstat().st_uid
    except OSError:
        return None


def _others_may_write(directory: os.stat_result) -> bool:
    mode = directory.st_mode
    if mode & stat.S_IWOTH:
        return True
    # Of a group of one's own, as with umask 002, no other user is a member.
    return bool(mode & stat.S_IWGRP) and directory.st_gid not in (0, os.getegid())
