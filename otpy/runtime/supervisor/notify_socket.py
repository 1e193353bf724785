"""Receive sd_notify(3) of a child: a socket of its own, and the kernel names each sender.

The name is abstract (unix(7)): it is in no folder, so that nothing of it can be left behind, and a
child that runs as another user reaches it.
"""

import array
import os
import secrets
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

from otpy.system.descriptor import Descriptor, close_all
from otpy.system.loop import Loop
from otpy.system.marks import marked_process, marks_of
from otpy.system.procfs import ancestry_of
from otpy.system.sockets import DATAGRAMS, Socket, unbound_socket
from otpy.system.warnings import warn

_MOST_BYTES: Final = 4096
_CREDENTIALS: Final = struct.Struct("3i")
_ANCILLARY: Final = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(253 * 4)
_AT_ONCE: Final = 64
_ROOT: Final = 0


@dataclass(frozen=True, slots=True)
class Notification:
    """One message of sd_notify(3): the parts of it that mean something to a supervisor.

    Attributes:
        ready: It has READY=1.
        watchdog: It has WATCHDOG=1.
        trigger: It has WATCHDOG=trigger: the sender knows that it hangs.
        status: The text of STATUS=; None if it has none.
    """

    ready: bool = False
    watchdog: bool = False
    trigger: bool = False
    status: str | None = None


class Owner(Protocol):
    """The incarnation of a child that a socket is for."""

    @property
    def path(self) -> str:
        """From the root."""

    @property
    def pid(self) -> int:
        """Of its process, which is the leader of a session."""

    @property
    def incarnation(self) -> int:
        """Its number."""


class NotifySocket:
    """The socket that one incarnation of a child is told in NOTIFY_SOCKET.

    Attributes:
        address: Of the socket, as the variable has it.

    Raises:
        OSError: There are too many open files, or there is no memory.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._child: Owner | None = None
        self._handle: Callable[[Notification], None] | None = None
        self._was_refused = False
        self._socket: Socket = unbound_socket(DATAGRAMS)
        self.address = f"@otpy/{os.getpid()}/{secrets.token_hex(8)}"
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._socket.bind(self.address.replace("@", "\0", 1))
        except OSError:
            self._socket.close()
            raise

    def listen(self, child: Owner, handle: Callable[[Notification], None]) -> None:
        """Call `handle` with every message of a child's processes, in the order they came in.

        Args:
            child: The one that was given the address.
            handle: Called with what it says.

        Raises:
            OSError: The kernel cannot watch one more descriptor.
        """
        self._child, self._handle = child, handle
        self._loop.watch(self._socket, lambda _events: self.read())

    def read(self) -> None:
        """Handle the messages that have arrived."""
        for _ in range(_AT_ONCE):
            if self._socket.fileno() < 0 or not self._read_one():
                return

    def close(self) -> None:
        """Hear no more."""
        self._handle = None
        self._socket.close()

    def _read_one(self) -> bool:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(
                _MOST_BYTES, _ANCILLARY, socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return False
        pid, uid = 0, -1
        fds: list[Descriptor] = []
        for _level, kind, payload in ancillary:
            if kind == socket.SCM_RIGHTS:
                whole = len(payload) - len(payload) % 4
                fds.extend(map(Descriptor, array.array("i", payload[:whole])))
            elif kind == socket.SCM_CREDENTIALS:
                pid, uid, _gid = _CREDENTIALS.unpack(payload[: _CREDENTIALS.size])
        try:
            self._heard(data, pid, uid)
        finally:
            # Also the answer to BARRIER=1: who sent it waits until its descriptor is closed.
            close_all(fds)
        return True

    def _heard(self, data: bytes, pid: int, uid: int) -> None:
        assert self._child is not None
        if not self._is_of_the_child(self._child, pid, uid):
            if not self._was_refused:
                self._was_refused = True
                warn(f"{self._child.path}: process {pid}, which is none of its, says {data!r:.100}")
        elif self._handle is not None:
            self._handle(notification(data))

    def _is_of_the_child(self, child: Owner, pid: int, uid: int) -> bool:
        """Return whether a sender is the child, of its group or session, or descends from it.

        One that has ended already cannot be asked for more than its user: it has to be that of the
        child, or root. (systemd-notify waits until it was heard, for this reason.)
        """
        if pid == child.pid:
            return True
        line = list(ancestry_of(pid))
        if not line:
            return not _exists(pid) and uid in (_ROOT, _user_of(child.pid))
        if any(child.pid in ids for ids in line):
            return True
        # What the child orphaned has fallen to this supervisor.
        orphans = [one for (one, *_), (parent, *_) in pairwise(line) if parent == os.getpid()]
        return any(_is_marked(one, child) for one in orphans)


def notification(data: bytes) -> Notification:
    """Read a message: lines of NAME=value, of which the last of a name counts."""
    said = dict(
        line.partition("=")[::2] for line in data.decode(errors="replace").splitlines() if line
    )
    return Notification(
        ready=said.get("READY") == "1",
        watchdog=said.get("WATCHDOG") == "1",
        trigger=said.get("WATCHDOG") == "trigger",
        status=said.get("STATUS"),
    )


def _is_marked(orphan: int, child: Owner) -> bool:
    """Return whether what fell to this supervisor is what the child left when it was orphaned."""
    owner = (child.pid, child.incarnation)
    return any(marked_process(word) == owner for word in marks_of(orphan))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _user_of(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116  # no folder of files
    except OSError:
        return -1
