"""The directory of this user's nodes, with their sockets, locks and logs.

One private directory for all nodes (`runtime_dir`), one folder in it for each (`NodeDir`). A node
runs as long as any process holds its `lock`: all processes of its tree share one open file, so that
the lock is free only when none of them is left.
"""

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Any, Final

import msgspec

from otpy.errors import RuntimeDirError
from otpy.system.descriptor import Descriptor
from otpy.system.parents import refuse_unsafe_parents

SOCKET_PATH_MAX: Final = 107
"""Bytes that the path of a Unix socket may have (unix(7), ``sun_path``, less the NUL)."""

_SOCKET: Final = "control.sock"
_RUN: Final = Path("/run")
_MEND: Final = "set OTPY_DIR to a directory of your own"


def runtime_dir(*, create: bool = False) -> Path:
    """Return the directory of all nodes of this user.

    It is $OTPY_DIR; else /run/otpy for root; else $XDG_RUNTIME_DIR/otpy; else
    /run/user/<uid>/otpy if /run/user/<uid> belongs to the user; else /tmp/otpy-<uid>.

    Args:
        create: Create it, for this user only, if it is not there.

    Raises:
        RuntimeDirError: It is not a directory, not ours, or open to others; others may replace it;
            or it could not be made.
    """
    path = _runtime_path()
    refuse_unsafe_parents(path)
    if create:
        _make_private(path)
    _refuse_unsafe(path)
    return path


def _runtime_path() -> Path:
    if chosen := os.environ.get("OTPY_DIR"):
        return Path(chosen).absolute()
    if _is_root():
        # Not the login's: services have none, and a login of root's is to meet them.
        return _RUN / "otpy"
    if session := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(session).absolute() / "otpy"
    user = os.geteuid()
    if is_own_directory(session_dir := _RUN / "user" / str(user)):
        return session_dir / "otpy"
    return Path(f"/tmp/otpy-{user}")  # noqa: S108  # refused below unless ours alone


def _is_root() -> bool:
    return os.geteuid() == 0


def is_own_directory(path: Path) -> bool:
    """Return whether there is a directory of this user's, or a link of theirs to one."""
    user = os.geteuid()
    try:
        return path.is_dir() and path.lstat().st_uid == user and path.stat().st_uid == user
    except OSError:
        return False


def socket_path_problem(name: str) -> str:
    """Return why the control socket of node `name` cannot be bound; empty if it can."""
    path = _runtime_path() / name / _SOCKET
    length = len(os.fsencode(path))
    if length <= SOCKET_PATH_MAX:
        return ""
    return (
        f"{path}: has {length} bytes, but the path of a Unix socket may have {SOCKET_PATH_MAX}; "
        f"set OTPY_DIR to a shorter directory"
    )


def is_too_long(name: str) -> bool:
    """Return whether a shorter name than `name` would do: it is not the directory's fault."""
    return bool(socket_path_problem(name)) and not socket_path_problem("n")


def _make_private(path: Path) -> None:
    try:
        for parent in reversed(path.parents):
            # Not Path.mkdir(parents=True): that takes no mode, and the umask may be 0.
            if not parent.exists():
                parent.mkdir(mode=0o755, exist_ok=True)
        # Two nodes may start at once; the second finds it made.
        path.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        return  # not a directory: `_refuse_unsafe` says so
    except OSError as error:
        raise RuntimeDirError(f"{path}: cannot be made: {error.strerror}; {_MEND}") from None


def _refuse_unsafe(path: Path) -> None:
    """Refuse a directory in which another user could put a socket."""
    user = os.geteuid()
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            if found.st_uid != user:
                raise RuntimeDirError(
                    f"{path}: is a symbolic link of user {found.st_uid}, expected a directory of "
                    f"user {user}; remove it, or {_MEND}"
                )
            found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RuntimeDirError(f"{path}: cannot be read: {error.strerror}; {_MEND}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise RuntimeDirError(
            f"{path}: is not a directory, expected a directory of user {user}; "
            f"remove it, or {_MEND}"
        )
    if found.st_uid != user:
        raise RuntimeDirError(
            f"{path}: belongs to user {found.st_uid}, expected user {user}; {_MEND}"
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise RuntimeDirError(
            f"{path}: is open to others with mode {mode:04o}, expected 0700; "
            f"run `chmod 700 {path}`, or {_MEND}"
        )


def can_be_name(name: str) -> bool:
    """Return whether a node may be named so: it names a folder."""
    return bool(name) and name not in (".", "..") and "/" not in name and "\0" not in name


class NodeDir:
    """The folder of one node. Looking at it creates nothing.

    Raises:
        RuntimeDirError: The runtime directory is unsafe, the path of the socket is too long, or
            the name cannot be a folder's.
    """

    def __init__(self, name: str) -> None:
        if not can_be_name(name):
            raise RuntimeDirError(f"{name!r} cannot be a node's name: it names a folder")
        self.name = name
        self.path = runtime_dir() / name
        self.control_sock = self.path / _SOCKET
        self.lock = self.path / "lock"
        self.node_json = self.path / "node.json"
        self.events = self.path / "events.jsonl"
        self.ends = self.path / "ends"
        self.log = self.path / "log"
        self.guardian = self.path / "heart.json"
        if problem := socket_path_problem(name):
            raise RuntimeDirError(problem)

    def create(self) -> None:
        """Create the folder and the one for logs, for this user only.

        Raises:
            RuntimeDirError: Something is in the way.
        """
        runtime_dir(create=True)
        for path in (self.path, self.log):
            try:
                path.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise RuntimeDirError(f"{path}: cannot be made: {error.strerror}") from None

    @property
    def running(self) -> bool:
        """Whether a process holds the lock."""
        try:
            lock = Descriptor(os.open(self.lock, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return False
        with lock:
            try:
                # A shared lock: two that look at once do not take each other for the node.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError as error:
                return error.errno == errno.EWOULDBLOCK
        return False

    def read_node_json(self) -> dict[str, Any]:
        """Return `node.json`; empty if it is missing or malformed."""
        try:
            data = msgspec.json.decode(self.node_json.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}


def node_names() -> list[str]:
    """Return the names of the nodes that run now, sorted.

    Raises:
        RuntimeDirError: The runtime directory is unsafe.
    """
    directory = runtime_dir()
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RuntimeDirError(f"{directory}: cannot be read: {error.strerror}; {_MEND}") from None
    return [name for name in names if _runs(name)]


def _runs(name: str) -> bool:
    try:
        directory = NodeDir(name)
    except RuntimeDirError:
        return False  # its socket could not be reached, so no node can run there
    # A node's folder that was renamed is still locked, but the node is not there any more.
    return directory.running and directory.read_node_json().get("name", name) == name


def read_node_json(name: str) -> dict[str, Any]:
    """Return the `node.json` of node `name`; empty if it is missing or malformed."""
    return NodeDir(name).read_node_json()
