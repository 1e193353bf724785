"""A node's name, taken in the kernel: what no cleaner of files can remove.

The lock file keeps a second node of a name away as long as it is where both look for it. Once it
was removed, two processes would lock two files. A socket in the abstract namespace (unix(7)) has
no file, and belongs to the network namespace: the two together keep each other's promise.
"""

import errno
import os
from pathlib import Path
from typing import Final

from otpy.system.credentials import Peer, peer_of
from otpy.system.nodedir import NodeDir
from otpy.system.sockets import Socket, unbound_socket

_NODE: Final = "node"
_TREE: Final = "tree"
_MAX_ADDRESS: Final = 108
"""Bytes of an abstract address, the NUL at its begin included."""

_BACKLOG: Final = 128


class Claim:
    """The right to be the one node of a name.

    It has two sockets: one that the node alone holds, so that a process that connects to it has
    found a living node; and one that its supervisors and its gateway hold, too, so that it is free
    when none of them is left.

    Args:
        directory: Of the node.
    """

    def __init__(self, directory: NodeDir) -> None:
        self._addresses = {which: _address(which, directory) for which in (_NODE, _TREE)}
        self._held: dict[str, Socket] = {}
        self._silent: set[str] = set()

    def take(self) -> bool:
        """Try to take the name, and return whether it is taken now.

        A name that another user has bound cannot be had; the lock file has to do then.
        """
        for which, address in self._addresses.items():
            if which in self._held:
                continue
            try:
                self._held[which] = _bind(address)
            except OSError as error:
                # Where abstract sockets are not allowed, the lock file has to do, too.
                if error.errno == errno.EADDRINUSE and self._may_be_ours(which):
                    self.release()
                    return False
        return True

    def release(self) -> None:
        """Release it."""
        for sock in self._held.values():
            sock.close()
        self._held.clear()

    def holder(self) -> int | None:
        """Return the pid of the living node that holds the name; None if there is none.

        0 is a process of another pid namespace.
        """
        if _NODE in self._held:
            return None
        try:
            found = _listener_at(self._addresses[_NODE])
        except OSError:
            return None
        return found.pid if found.is_trusted else None

    @property
    def listener(self) -> Socket | None:
        """The socket that the node alone holds, for it to accept what connects."""
        return self._held.get(_NODE)

    @property
    def for_the_tree(self) -> tuple[int, ...]:
        """The descriptor that supervisors and the gateway are to hold, if there is one."""
        return (self._held[_TREE].fileno(),) if _TREE in self._held else ()

    def _may_be_ours(self, which: str) -> bool:
        """Return whether this user's process has an address that is taken."""
        try:
            return _listener_at(self._addresses[which]).is_trusted
        except ConnectionRefusedError:
            # Ours listen as soon as they are bound: the next look finds them listening, or gone.
            looked_before = which in self._silent
            self._silent.add(which)
            return not looked_before
        except OSError:
            return True  # too many have asked already (EAGAIN)


def _address(which: str, directory: NodeDir) -> bytes:
    """Return the abstract address: of a user, of a folder's path, and of where that path leads.

    Two services may have a /tmp each, or a root, and nodes of one name there.
    """
    root = Path("/").stat()
    try:
        mounts = Path("/proc/self/ns/mnt").stat().st_ino
    except OSError:
        mounts = 0
    path = os.path.realpath(directory.path)
    place = _crc32(f"{mounts} {root.st_dev} {root.st_ino} {path}".encode(errors="surrogateescape"))
    return f"\0otpy/{which}/{os.geteuid()}/{place:08x}/{directory.name}".encode()[:_MAX_ADDRESS]


def _bind(address: bytes) -> Socket:
    """Listen at `address`.

    Raises:
        OSError: EADDRINUSE, or others where this is not allowed.
    """
    sock = unbound_socket()
    try:
        sock.bind(address)
        # A process that connects is told the credentials that the listener has at this moment.
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _listener_at(address: bytes) -> Peer:
    """Return the process that listens at `address`.

    Raises:
        OSError: None does, or too many connections wait there.
    """
    with unbound_socket() as sock:
        sock.connect(address)
        return peer_of(sock)


def _crc32(data: bytes) -> int:
    """Return what `zlib.crc32` does, whose two libraries every worker would have mapped."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0xEDB88320 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF
