"""The search path of the modules that a tree names."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def searches_start_directory() -> bool:
    """Return whether the user lets modules be found in the current directory (PYTHONSAFEPATH)."""
    # Not sys.flags.safe_path: a node always starts with -P, for the sake of otpy's own imports.
    return not os.environ.get("PYTHONSAFEPATH")


_start_directory: list[str] = []


def remember_start_directory() -> None:
    """Note the current directory: it may be removed, or made anew, while this process runs."""
    with contextlib.suppress(FileNotFoundError):
        _start_directory[:] = [str(Path.cwd())]


_programs_path: list[str] = []


def path_of_this_program() -> list[str]:
    """Return where this program looks for modules, and then the current directory if wanted."""
    here = str(Path.cwd())
    found = [os.path.abspath(each) for each in sys.path if isinstance(each, str)]  # noqa: PTH100  # "" is the current directory
    return found + [here] * (searches_start_directory() and here not in found)


def search_as(path: Sequence[str]) -> None:
    """Let `search_start_directory` look for modules where the program of this path would."""
    _programs_path[:] = path


def search_start_directory() -> None:
    """Look for modules where otpy was started first, as ``python -m`` does, if that is wanted.

    A node that a program runs looks for them where that program does, see `search_as`.
    """
    if _programs_path:
        sys.path[:] = [*_programs_path, *(own for own in sys.path if own not in _programs_path)]
        return
    if not _start_directory:
        remember_start_directory()
    if searches_start_directory():
        sys.path[:0] = _start_directory


def folders_of_child(cwd: str | None, pythonpath: str | None) -> list[str]:
    """Return where a child's modules are looked for before anywhere else, in order.

    As ``python -m`` started in its directory and with its PYTHONPATH would.

    Args:
        cwd: Its working directory, if that is not the one that otpy was started in.
        pythonpath: Its PYTHONPATH, if that is not the node's.
    """
    found = [cwd] if cwd is not None and searches_start_directory() else []
    parts = pythonpath.split(os.pathsep) if pythonpath else []
    return found + [os.path.join(cwd or os.curdir, part) for part in parts]  # noqa: PTH118
