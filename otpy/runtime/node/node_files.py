"""The files of a running node, restored when removed.

Cleaners of temporary files, the end of a login session, ``rm -rf``: a node whose socket is gone
runs on, but no client reaches it. The kernel notifies it of every such change, and it puts back
what is missing; a lock on the directories keeps the cleaner of systemd away (tmpfiles.d(5)).
"""

import contextlib
import fcntl
import os
import stat
import time
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from otpy.errors import RuntimeDirError
from otpy.runtime.node.end_store import EndStore
from otpy.runtime.node.event_file import EventFile
from otpy.runtime.node.lock import take_both
from otpy.runtime.state_folder import state_folder
from otpy.system import inotify
from otpy.system.claim import Claim
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.nodedir import NodeDir, is_own_directory
from otpy.system.procfs import start_time
from otpy.system.sockets import Socket, unbound_socket

_BACKLOG: Final = 1024

_PRIVATE: Final = 0o700
_SOCKET_MODE: Final = 0o600

_ENTRIES: Final = inotify.DELETE | inotify.MOVED_FROM | inotify.MOVED_TO | inotify.ATTRIB
_SELF: Final = inotify.DELETE_SELF | inotify.MOVE_SELF
_LINK: Final = _SELF | inotify.ATTRIB | inotify.DONT_FOLLOW

Identity: TypeAlias = tuple[int, int] | None
"""Device and number of an inode; None if there is none."""


class NodeFiles:
    """The files of a node in its folder: its lock, node.json, control socket and events.jsonl.

    Args:
        directory: Of the node.
        config: Path of the file that describes its tree.
        claim: On its name, taken.
        lock: The locked lock file, which the supervisors hold, too; it stays its owner's.
        group: The control group of the node's own, if it has one: the next run asks for it.

    Attributes:
        boot: The identity of this run of the node.
        lock: As given.
        claim: As given.
        listener: The listening control socket; another one once that was lost.
        event_file: `events.jsonl`.
        ends: How processes ended.
        before: The `node.json` of an earlier run, if that did not end in order; else empty.
        last_heard: When the last event of an earlier run was written, as Unix time, if one was.
    """

    def __init__(
        self,
        directory: NodeDir,
        config: str,
        claim: Claim,
        lock: Descriptor,
        group: Path | None = None,
    ) -> None:
        self.boot = os.urandom(8).hex()
        self.claim, self.lock = claim, lock
        self._directory = directory
        self._facts = _facts(directory.name, config, group, self.boot)
        self._own_lock = lock
        self._facts_file: Descriptor | None = None
        self._socket_at: Identity = None
        self._held: list[Descriptor] = []
        self.before = directory.read_node_json()
        self.last_heard = _changed_at(directory.events)
        self._write_facts()
        self.event_file = EventFile(directory.events)
        self.ends = EndStore(directory.ends)
        self.listener = self._listen()
        self._hold_directories()

    def runs(self, config: str) -> None:
        """Note that another tree's file is run from now on; what cannot be written is not.

        The next that reads `node.json` finds it there.
        """
        facts = msgspec.json.decode(self._facts)
        self._facts = msgspec.json.encode({**facts, "config": config}) + b"\n"
        with contextlib.suppress(OSError):
            self._write_facts()

    def close(self) -> None:
        """Remove what belongs to a running node, unless it is another one's by now."""
        for path, own in self._removable():
            if own is not None and _at(path) == own:
                path.unlink(missing_ok=True)
        self.listener.close()
        self.event_file.close()
        close_all(self._held)
        if self._facts_file is not None:
            self._facts_file.close()
        if self._own_lock is not self.lock:
            self._own_lock.close()

    def _removable(self) -> tuple[tuple[Path, Identity], ...]:
        facts = None if self._facts_file is None else _of(self._facts_file.fileno())
        # A socket that listens keeps its inode.
        return (self._directory.control_sock, self._socket_at), (self._directory.node_json, facts)

    # ---- what is missing ---------------------------------------------------------------------

    def missing(self) -> list[str]:
        """List what is not where it was put, or not open to its user alone."""
        directory = self._directory
        if not _is_private(directory.path.parent) or not _is_private(directory.path):
            return [f"{directory.path}"]
        wanted = (*self._removable(), (directory.lock, _of(self._own_lock.fileno())))
        lost = [path.name for path, own in wanted if _at(path) != own]
        lost += [path.name for path in (directory.events, directory.log) if not path.exists()]
        if not lost and _mode(directory.control_sock) != _SOCKET_MODE:
            lost.append(directory.control_sock.name)
        return lost

    def restore(self) -> None:
        """Put back what is missing.

        Raises:
            OSError: Something cannot be put back, at least not now.
            OtpyError: So, too; or another node has the folder.
        """
        self._make_folders()
        directory = self._directory
        if _at(directory.lock) != _of(self._own_lock.fileno()):
            self._lock_again()
        (socket_path, socket_at), (facts_path, facts_at) = self._removable()
        if _at(facts_path) != facts_at:
            self._write_facts()
        if _at(socket_path) != socket_at:
            before, self.listener = self.listener, self._listen()
            before.close()
        else:
            socket_path.chmod(_SOCKET_MODE)
        self.event_file.reopen()
        self._hold_directories()

    def watched(self) -> list[tuple[Path, int]]:
        """List what to watch for changes, and for which ones."""
        folder = self._directory.path
        # The directories above only for their own end: others' files come and go in them.
        real = Path(os.path.realpath(folder))
        above = {*real.parents} - {folder.parent, real.parent}
        return [
            (folder, _ENTRIES | _SELF),
            (folder.parent, _ENTRIES | _SELF),
            *((path, _SELF) for path in sorted(above)),
            *((path, _LINK) for path in (folder, *folder.parents) if path.is_symlink()),
        ]

    # ---- one by one --------------------------------------------------------------------------

    def _make_folders(self) -> None:
        """Create both directories again; rename anything else at the folder's path."""
        path = self._directory.path
        if is_own_directory(path.parent):
            path.parent.chmod(_PRIVATE)
        if _at(path) is not None and not is_own_directory(path):
            path.rename(path.with_name(f"{path.name}.{os.getpid()}.aside"))
        self._directory.create()
        path.chmod(_PRIVATE)

    def _lock_again(self) -> None:
        # The first one is locked still, and back where it was if its folder is.
        lock = self.lock
        if _at(self._directory.lock) != _of(lock.fileno()):
            lock = self._lock_anew()
        if self._own_lock is not self.lock:
            self._own_lock.close()
        self._own_lock = lock

    def _lock_anew(self) -> Descriptor:
        path = self._directory.lock
        lock = Descriptor(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        taken = False
        try:
            taken = take_both(lock)
        finally:
            if not taken:
                lock.close()
        if not taken:
            raise RuntimeDirError(f"{path}: another node has locked it")
        return lock

    def _write_facts(self) -> None:
        path = self._directory.node_json
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        # Not `write_bytes`: that leaves the mode to the umask.
        file = Descriptor(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            os.write(file.fileno(), self._facts)
            fresh.replace(path)
        except OSError:
            file.close()
            raise
        if self._facts_file is not None:
            self._facts_file.close()
        # Open, so that the inode is ours: the number of one that is gone is given away again.
        self._facts_file = file

    def _listen(self) -> Socket:
        """Listen at the socket's path; we hold the lock, so whatever is there is stale."""
        path = self._directory.control_sock
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        listener = unbound_socket()
        try:
            mask = os.umask(0o177)
            try:
                listener.bind(str(fresh))
            finally:
                os.umask(mask)
            listener.listen(_BACKLOG)
            self._socket_at = _at(fresh)
            fresh.replace(path)
        except BaseException:
            listener.close()
            raise
        return listener

    def _hold_directories(self) -> None:
        """Lock both directories, as systemd-tmpfiles asks of what is not to be cleaned."""
        close_all(self._held)
        self._held.clear()
        for path in (self._directory.path.parent, self._directory.path):
            self._held.append(_locked(path))  # the first is held if one fails


def _facts(name: str, config: str, group: Path | None, boot: str) -> bytes:
    pid = os.getpid()
    facts = {
        "name": name,
        "pid": pid,
        "start_ticks": start_time(pid),
        "config": config,
        "started_at": time.time(),
        "boot": boot,
        "cgroup": "" if group is None else str(group),
        "states": str(state_folder()),
    }
    return msgspec.json.encode(facts) + b"\n"


def _changed_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _at(path: Path) -> Identity:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _of(fd: int) -> Identity:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError:
        return 0


def _is_private(path: Path) -> bool:
    """Return whether there is a directory that its user, and no other, can use."""
    return is_own_directory(path) and stat.S_IMODE(path.stat().st_mode) & 0o777 == _PRIVATE


def _locked(path: Path) -> Descriptor:
    directory = Descriptor(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    # Shared: the other nodes hold the directory of all nodes, too.
    with contextlib.suppress(OSError):
        fcntl.flock(directory.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    return directory
