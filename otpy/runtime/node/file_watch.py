"""Watch the node's files: the kernel notifies of changes, and nothing polls."""

import contextlib
import os
import select
import time
from collections.abc import Callable
from typing import Final

from otpy.errors import OtpyError
from otpy.runtime.node.node_files import NodeFiles
from otpy.system.descriptor import Descriptor
from otpy.system.inotify import Inotify
from otpy.system.loop import Loop, Timer

_QUIET_S: Final = 0.25
"""The removal of a whole folder is to finish: what is put back meanwhile would make it fail."""

_LONGEST_WAIT_S: Final = 5.0
_FIRST_RETRY_S: Final = 1.0
_LONGEST_RETRY_S: Final = 60.0

_WITHOUT_WATCH_S: Final = 10.0

_MOUNTS: Final = "/proc/self/mountinfo"


class FileWatch:
    """Restores a node's files when they were removed or replaced.

    Args:
        files: Of the node.
        loop: The node's.
        on_restored: Called with the files put back, and whether the listener is a new one.
        complain: Called with why a file cannot be put back or watched; once for each reason.
    """

    def __init__(
        self,
        files: NodeFiles,
        loop: Loop,
        on_restored: Callable[[tuple[str, ...], bool], object],
        complain: Callable[[str], object],
    ) -> None:
        self._files, self._loop = files, loop
        self._on_restored, self._complain = on_restored, complain
        self._inotify: Inotify | None = None
        self._mounts: Descriptor | None = None
        self._timer: Timer | None = None
        self._later: Timer | None = None
        self._noticed = 0.0
        self._retry_s = _FIRST_RETRY_S
        self._complaint = ""

    def start(self) -> None:
        """Watch from now on."""
        self._watch_mounts()
        self._watch_files()
        # What went before the first watch was added.
        self._look()

    def _watch_mounts(self) -> None:
        """Look again when something is mounted or unmounted: that hides files, and moves none."""
        with contextlib.suppress(OSError):
            self._mounts = Descriptor(os.open(_MOUNTS, os.O_RDONLY | os.O_CLOEXEC))
            self._loop.watch(self._mounts, lambda _events: self._look(), select.EPOLLPRI)

    def _watch_files(self) -> None:
        """Watch what is at the paths now: what was there before may be somewhere else."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
        try:
            self._inotify = Inotify()
            self._loop.watch(self._inotify, lambda _events: self._changed())
            for path, mask in self._files.watched():
                with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                    self._inotify.add(path, mask)
        except OSError as error:
            # Others' watches count, too; they may go.
            every = f"looking every {_WITHOUT_WATCH_S:g} s"
            self._say(f"cannot watch the node's files, {every}: {error.strerror}")
            if self._later is None:
                self._later = self._loop.call_later(_WITHOUT_WATCH_S, self._watch_again)

    def _watch_again(self) -> None:
        self._later = None
        self._watch_files()
        self._look()

    def _changed(self) -> None:
        assert self._inotify is not None
        self._inotify.drain()
        self._look()

    def _look(self) -> None:
        """Begin to wait for quiet if something is missing; go on waiting if something changes."""
        if self._timer is None:
            if not self._files.missing():
                return
            self._noticed = time.monotonic()
        else:
            self._timer.cancel()
        left = self._noticed + _LONGEST_WAIT_S - time.monotonic()
        self._timer = self._loop.call_later(max(0.0, min(_QUIET_S, left)), self._restore)

    def _restore(self) -> None:
        self._timer = None
        missing = self._files.missing()
        if not missing:
            return
        listener = self._files.listener
        try:
            self._files.restore()
        except (OSError, OtpyError) as error:
            self._say(f"cannot put back the node's files: {error}")
            self._retry_later()
        else:
            self._retry_s, self._complaint = _FIRST_RETRY_S, ""
            self._on_restored(tuple(missing), self._files.listener is not listener)
        self._watch_files()
        if self._timer is None:
            self._look()

    def _retry_later(self) -> None:
        """Try again after a while: there is no notification of room on a disk."""
        self._noticed = time.monotonic() + self._retry_s
        self._timer = self._loop.call_later(self._retry_s, self._restore)
        self._retry_s = min(2 * self._retry_s, _LONGEST_RETRY_S)

    def _say(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            self._complain(complaint)
