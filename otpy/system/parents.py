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

_ROOT: Final = "/"
_MEND: Final = "set OTPY_DIR to a directory of your own"


def refuse_unsafe_parents(path: Path) -> None:
    """Refuse a directory that others may replace: look at all that lead to it, links included.

    Raises:
        RuntimeDirError: It names the one at fault.
    """
    # Each program that connects comes this way, so strings: paths took ten times as long.
    way = str(path)
    if _refuse_on_way(way, way) or ".." in path.parts:
        _refuse_on_way(os.path.realpath(way), way)


def _refuse_on_way(way: str, path: str) -> bool:
    """Refuse what others may replace on a way to `path`; return whether a link is on it."""
    passes_link = False
    directory = os.lstat(_ROOT)
    for entry in _steps(way):
        try:
            status = os.lstat(entry)
        except OSError:  # not there yet, or not to be read: its use says so
            _refuse(entry, directory, None, path)
            break
        _refuse(entry, directory, status.st_uid, path)
        directory = status
        if stat.S_ISLNK(status.st_mode):
            passes_link = True
            try:
                directory = os.stat(entry)  # noqa: PTH116  # as said above
            except OSError:
                break
    return passes_link


def _steps(way: str) -> Iterator[str]:
    """Yield what is passed on a way, from the root on."""
    yield _ROOT
    entry = ""
    for name in filter(None, way.split(_ROOT)):
        entry = f"{entry}/{name}"
        yield entry


def _refuse(entry: str, directory: os.stat_result, owner: int | None, path: str) -> None:
    """Refuse an entry of a directory that lets others replace it, or that others have put there."""
    if not _others_may_write(directory):
        return
    parent = Path(entry).parent
    if not directory.st_mode & stat.S_ISVTX:
        mode = stat.S_IMODE(directory.st_mode)
        raise RuntimeDirError(
            f"{parent}: others may write there, with mode {mode:04o} and not sticky, and so "
            f"replace {path}; run `chmod go-w {parent}`, or {_MEND}"
        )
    if entry != path and owner not in (None, 0, os.geteuid()):
        raise RuntimeDirError(f"{entry}: belongs to user {owner}, who may replace {path}; {_MEND}")


def _others_may_write(directory: os.stat_result) -> bool:
    mode = directory.st_mode
    if mode & stat.S_IWOTH:
        return True
    # Of a group of one's own, as with umask 002, no other user is a member.
    return bool(mode & stat.S_IWGRP) and directory.st_gid not in (0, os.getegid())
