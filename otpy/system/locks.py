"""Locks between threads, without the module `threading`.

Python calls a function of `threading` in each process that is forked once somebody has imported it
(os.register_at_fork), and the pages that this writes to are a tenth of what a worker has for
itself. So what is imported before a worker is forked takes its locks from `_thread`, where
`threading` has them from. A worker's own code imports `threading` as it likes.
"""

import os
from _thread import LockType, RLock, allocate_lock, get_ident, get_native_id

__all__ = ["LockType", "RLock", "get_ident", "is_main_thread", "new_lock"]

new_lock = allocate_lock


def is_main_thread() -> bool:
    """Return whether this is the thread that a process begins with (gettid(2))."""
    return get_native_id() == os.getpid()
