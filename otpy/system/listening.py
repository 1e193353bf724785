"""Sockets that are listened on: opened, taken over from what started this process, removed."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from otpy.system.descriptor import Descriptor, close_all

FIRST_PASSED: Final = 3
"""The descriptor of the first socket that is passed on (sd_listen_fds(3))."""

VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

_UNNAMED: Final = "unknown"
_FOLDER_MODE: Final = 0o755
_DEFAULT_MODE: Final = 0o666

STREAM: Final = int(socket.SOCK_STREAM)
DATAGRAM: Final = int(socket.SOCK_DGRAM)
SEQPACKET: Final = int(socket.SOCK_SEQPACKET)


class CannotListen(OSError):
    """A socket cannot be opened as asked; the text says why."""


class File(NamedTuple):
    """The file of a Unix socket that was made here, by its path, device and inode."""

    path: str
    device: int
    inode: int


class Opened(NamedTuple):
    """A socket, and its file if it has one."""

    descriptor: Descriptor
    file: File | None = None


# ---- opening -----------------------------------------------------------------------------------


def open_ip(
    host: str, port: int, kind: int, *, reuse_port: bool = False, ipv6_only: bool = False
) -> Opened:
    """Bind a socket to a port.

    Args:
        host: A number, or empty for every address of this host: IPv6, and IPv4 with it.
        port: Its number; 0 for any that is free.
        kind: `STREAM` or `DATAGRAM`.
        reuse_port: Others may bind it, too.
        ipv6_only: An IPv6 address takes no IPv4.

    Raises:
        OSError: It is in use, or may not be used.
    """
    options: list[tuple[int, int, int]] = []
    if kind == STREAM:
        # A port whose last connections are in TIME_WAIT may be had again at once.
        options.append((socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
    if reuse_port:
        options.append((socket.SOL_SOCKET, socket.SO_REUSEPORT, 1))
    if host and ":" not in host:
        return _bound_ip(socket.AF_INET, (host, port), kind, options)
    of_ipv6 = [*options, (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6_only))]
    try:
        return _bound_ip(socket.AF_INET6, (host or "::", port), kind, of_ipv6)
    except OSError as error:
        if host or ipv6_only or error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        return _bound_ip(socket.AF_INET, ("", port), kind, options)


def _bound_ip(
    family: int, address: tuple[str, int], kind: int, options: Sequence[tuple[int, int, int]]
) -> Opened:
    with _new(family, kind) as made:
        for option in options:
            made.setsockopt(*option)
        # With a scope such as %eth0 the address has more parts.
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV | socket.AI_PASSIVE
        host, port = address
        ((*_, full),) = socket.getaddrinfo(host or None, port, family, kind, flags=flags)
        made.bind(full)
        return Opened(Descriptor(made.detach()))


def open_unix(
    address: str, kind: int, mode: int | None = None, owner: tuple[int, int] = (-1, -1)
) -> Opened:
    """Bind a Unix socket to a path, or to ``@name``, an abstract one.

    A file that a socket has left behind is replaced; missing folders are made.

    Args:
        address: The path, or ``@name``.
        kind: `STREAM`, `DATAGRAM` or `SEQPACKET`.
        mode: Of the file; 0666 unless given, as of systemd.
        owner: The numbers of the user and group of the file; -1 is as it is.

    Raises:
        CannotListen: Another socket listens there, or what is there is none.
        OSError: It may not be made there.
    """
    if address.startswith("@"):
        with _new(socket.AF_UNIX, kind) as made:
            made.bind(f"\0{address[1:]}")
            return Opened(Descriptor(made.detach()))
    Path(address).parent.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
    _remove_stale(address, kind)
    before = os.umask(0o777 & ~(_DEFAULT_MODE if mode is None else mode))
    try:
        with _new(socket.AF_UNIX, kind) as made:
            made.bind(address)
            found = os.lstat(address)
            file = File(address, found.st_dev, found.st_ino)
            try:
                if owner != (-1, -1):
                    os.chown(address, *owner, follow_symlinks=False)
            except OSError:
                remove(file)
                raise
            return Opened(Descriptor(made.detach()), file)
    finally:
        os.umask(before)


def _new(family: int, kind: int) -> socket.socket:
    made = socket.socket(family, kind)
    made.setblocking(True)  # whatever socket.setdefaulttimeout was told
    return made


def _remove_stale(path: str, kind: int) -> None:
    """Remove the file of a socket on which nobody listens any more."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise CannotListen("there is a file that is no socket")
    if _is_in_use(path, kind):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    Path(path).unlink()


def _is_in_use(path: str, kind: int) -> bool:
    with socket.socket(socket.AF_UNIX, kind) as asker:
        asker.setblocking(False)  # with a full backlog it would wait
        try:
            asker.connect(path)
        except ConnectionRefusedError:
            return False
        except FileNotFoundError:
            return False  # removed in this moment
        except OSError:
            return True  # it is of another kind, full, or not ours to ask
    return True


def remove(file: File) -> None:
    """Remove the file of a socket, unless it is another one by now."""
    with contextlib.suppress(OSError):
        found = os.lstat(file.path)
        if (found.st_dev, found.st_ino) == (file.device, file.inode):
            Path(file.path).unlink()


def set_access(file: File, mode: int | None, owner: tuple[int, int]) -> None:
    """Set the mode and the owner of the file of a socket; the arguments are as of `open_unix`.

    Raises:
        OSError: It may not be done.
    """
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(file.path)
        if (found.st_dev, found.st_ino) == (file.device, file.inode):
            Path(file.path).chmod(_DEFAULT_MODE if mode is None else mode)
            if owner != (-1, -1):
                os.chown(file.path, *owner, follow_symlinks=False)


def listen(descriptor: Descriptor, backlog: int | None) -> None:
    """Have a socket accept connections, unless it does; `backlog` of them may wait.

    Raises:
        OSError: It cannot.
    """
    with _looked_at(descriptor) as found:
        found.listen(socket.SOMAXCONN if backlog is None else backlog)


def listen_again(descriptor: Descriptor, backlog: int | None) -> None:
    """Have a socket accept connections again after a process that had it too has shut it down."""
    with contextlib.suppress(OSError), _looked_at(descriptor) as found:
        if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            found.listen(socket.SOMAXCONN if backlog is None else backlog)


class _looked_at:  # noqa: N801  # a context manager
    """The socket of a descriptor, which stays its owner's."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._socket = socket.socket(fileno=descriptor.fileno())

    def __enter__(self) -> socket.socket:
        return self._socket

    def __exit__(self, *_error: object) -> None:
        self._socket.detach()


# ---- taken over --------------------------------------------------------------------------------


def take_passed(guardian: int | None = None) -> dict[str, list[Descriptor]]:
    """Take the sockets that systemd, or another node, has passed to this process, by name.

    The variables that say so are removed: they are for this process alone.

    Args:
        guardian: The pid of another process that they may be for, which has started this one.
    """
    given = {name: os.environ.get(name, "") for name in VARIABLES}
    if (
        given["LISTEN_PID"] not in (str(os.getpid()), str(guardian))
        or not given["LISTEN_FDS"].isdecimal()
    ):
        return {}
    for name in VARIABLES:
        os.environ.pop(name, None)
    count = int(given["LISTEN_FDS"])
    names = given["LISTEN_FDNAMES"].split(":") if given["LISTEN_FDNAMES"] else []
    names += [_UNNAMED] * (count - len(names))
    passed: dict[str, list[Descriptor]] = {}
    for number, name in enumerate(names[:count], FIRST_PASSED):
        with contextlib.suppress(OSError):  # it is not open
            os.set_inheritable(number, False)
            passed.setdefault(name, []).append(Descriptor(number))
    return passed


def close_passed(passed: dict[str, list[Descriptor]]) -> None:
    """Close sockets that nothing has use for."""
    for each in passed.values():
        close_all(each)


def why_not(descriptor: Descriptor, kind: int) -> str:
    """Return why what was passed is no socket of this kind to listen on; empty if it is."""
    if not stat.S_ISSOCK(os.fstat(descriptor.fileno()).st_mode):
        return "is no socket"
    with _looked_at(descriptor) as found:
        if found.type != kind:
            return f"is a {_KINDS.get(int(found.type), 'other')} socket"
        if kind != DATAGRAM and not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return "does not listen (Accept= has to be no)"
    return ""


_KINDS: Final = {STREAM: "stream", DATAGRAM: "datagram", SEQPACKET: "seqpacket"}
