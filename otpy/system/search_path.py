"""Where the modules that a tree names are looked for."""

import contextlib
import os
import sys
from pathlib import Path


def searches_start_directory() -> bool:
    """Return whether the user lets modules be found in the current directory (PYTHONSAFEPATH)."""
    # Not sys.flags.safe_path: a node always starts with -P, for the sake of otpy's own imports.
    return not os.environ.get("PYTHONSAFEPATH")


def search_start_directory() -> None:
    """Look for modules in the current directory first, as ``python -m`` does, if that is wanted."""
    # A directory that was removed has no modules.
    with contextlib.suppress(FileNotFoundError):
        if searches_start_directory():
            sys.path.insert(0, str(Path.cwd()))
