"""Descriptors over a Unix socket (SCM_RIGHTS), none of which is ever leaked."""

import array
import errno
import socket
from collections.abc import Sequence
from functools import cache
from typing import Final

from otpy.system.descriptor import Descriptor, close_all

MAX_FDS: Final = 16
"""Most descriptors of one message, by default."""

_FD_BYTES: Final = array.array("i").itemsize

# As plain integers: an operation on the enums of the module `socket` is a page of Python, and on
# pages that every worker would write to, and so have for itself.
_CLOEXEC: Final = int(socket.MSG_CMSG_CLOEXEC)
_TRUNCATED: Final = int(socket.MSG_CTRUNC)
_RIGHTS: Final = (int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS))


@cache
def _space(most: int) -> int:
    return socket.CMSG_SPACE(most * _FD_BYTES)


def send_fds(
    sock: socket.socket,
    data: bytes,
    fds: Sequence[Descriptor],
    flags: int = 0,
    most: int = MAX_FDS,
) -> int:
    """Send `data` with `fds` beside its first byte; return how many bytes were taken.

    The descriptors went along if any byte did. They stay open here.

    Raises:
        ValueError: No data to go beside, or more than `most` descriptors.
        OSError: As `socket.sendmsg`; nothing was sent then.
    """
    if not data or len(fds) > most:
        raise ValueError(f"send_fds needs data and at most {most} descriptors, got {len(fds)}")
    if not fds:
        return sock.send(data, flags)
    return sock.sendmsg([data], [(*_RIGHTS, array.array("i", [fd.fileno() for fd in fds]))], flags)


def recv_fds(
    sock: socket.socket, size: int, flags: int = 0, most: int = MAX_FDS
) -> tuple[bytes, tuple[Descriptor, ...]]:
    """Receive at most `size` bytes and at most `most` descriptors beside them, closed on exec.

    One call never brings the descriptors of two messages (unix(7)), so they arrive in the order
    of the messages that they were sent with.

    Raises:
        OSError: As `socket.recvmsg`; or EMFILE, since this process has too many open files for
            what came. The descriptors that did come are closed then.
    """
    data, ancillary, message_flags, _ = sock.recvmsg(size, _space(most), flags | _CLOEXEC)
    if not ancillary and not message_flags & _TRUNCATED:
        return data, ()
    numbers = array.array("i")
    for level, kind, payload in ancillary:
        if (level, kind) == _RIGHTS:
            numbers.frombytes(payload[: len(payload) - len(payload) % _FD_BYTES])
    fds = tuple(map(Descriptor, numbers))
    if message_flags & _TRUNCATED:
        close_all(fds)
        raise OSError(errno.EMFILE, "descriptors were lost, since too many files are open")
    return data, fds
