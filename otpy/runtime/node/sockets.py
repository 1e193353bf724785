"""The sockets of a tree's supervisors: the node opens and holds them, and gives them to children.

Not the parent of the supervisor but the node itself, so that nothing below it, however it ends,
closes one: connections that come while a server, its supervisor or a whole branch is restarted wait
in the backlog. Between the node and its children nobody holds them, so that no process pays for
sockets that are not its own.
"""

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from otpy.core.sockets import SocketSpec, SocketType
from otpy.core.spec import SupervisorSpec, sockets_of
from otpy.errors import OtpyError
from otpy.system import listening
from otpy.system.accounts import NoAccount, gid_of, uid_of
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.listening import CannotListen, File, Opened
from otpy.system.warnings import warn

_KINDS: Final = {
    SocketType.STREAM: listening.STREAM,
    SocketType.DATAGRAM: listening.DATAGRAM,
    SocketType.SEQPACKET: listening.SEQPACKET,
}

_WHY: Final = {
    errno.EADDRINUSE: "the address is in use",
    errno.EADDRNOTAVAIL: "this host has no such address",
}

_FIRST_FREE_PORT: Final = 1024


@dataclass(frozen=True, slots=True)
class Held:
    """A socket that the node holds.

    Attributes:
        owner: Path of the supervisor that has it: it is for children below that.
        spec: What is listened on.
        descriptor: The node's.
        file: That of a Unix socket, if the node made it.
    """

    owner: str
    spec: SocketSpec
    descriptor: Descriptor
    file: File | None


class HeldSockets:
    """The sockets of a tree, by name.

    Args:
        tree: Whose sockets are opened.
        passed: Those that were passed to this process, by name; they are taken first.

    Raises:
        CannotListen: One of them cannot be opened; none is left open then.
    """

    def __init__(
        self, tree: SupervisorSpec, passed: Mapping[str, Sequence[Descriptor]] | None = None
    ) -> None:
        self._held: dict[str, Held] = {}
        left = {name: list(each) for name, each in (passed or {}).items()}
        try:
            for name, (owner, spec) in sockets_of(tree).items():
                opened = _taken(name, spec, left.pop(name, [])) or _open(name, spec)
                self._held[name] = Held(owner, spec, *opened)
        except BaseException:
            self.close()
            raise
        finally:
            listening.close_passed(left)
        for name in left:
            warn(f"a socket named {name!r} was passed, which no supervisor of the tree has")

    def close(self) -> None:
        """Close all of them, and remove the files of those that were opened here."""
        for held in self._held.values():
            _close(held)
        self._held.clear()

    def change(self, tree: SupervisorSpec) -> "Change":
        """Have the sockets of another tree from now on; the change is undone unless it is kept.

        One that listens where it did stays open, whatever its name and whoever has it now.

        Raises:
            CannotListen: One of them cannot be opened; nothing has changed then.
        """
        before = self._held
        after: dict[str, Held] = {}
        opened: list[Held] = []
        try:
            for name, (owner, spec) in sockets_of(tree).items():
                same = _same(name, spec, before)
                if same is None:
                    same = Held(owner, spec, *_open(name, spec))
                    opened.append(same)
                after[name] = replace(same, owner=owner, spec=spec)
        except BaseException:
            for each in opened:
                _close(each)
            raise
        self._held = after
        return Change(self, before, after)

    def put_back(self, held: dict[str, Held]) -> None:
        """Have these sockets again."""
        self._held = held

    def give(self, names: Sequence[str], path: str) -> list[Descriptor]:
        """Return descriptors of these sockets for the process at `path`.

        Raises:
            OtpyError: No supervisor above it has one of them, or there are too many open files.
        """
        wanted = [self._of(name, path) for name in names]
        given: list[Descriptor] = []
        try:
            for held in wanted:
                if held.spec.has_connections:
                    listening.listen_again(held.descriptor, held.spec.backlog)
                given.append(held.descriptor.duplicate())
        except OSError as error:
            close_all(given)
            raise OtpyError(f"the node cannot give a socket: {error.strerror}") from error
        return given

    def _of(self, name: str, path: str) -> Held:
        held = self._held.get(name)
        if held is None or not _is_below(path, held.owner):
            raise OtpyError(f"no supervisor above {path!r} has a socket {name!r}")
        return held


class Change:
    """Other sockets than before, undone at the end of its block unless it is kept.

    What is open before and after stays open, whatever is decided.

    Args:
        sockets: Which has the new ones.
        before: Those that it had.
        after: Those that it has.
    """

    def __init__(
        self, sockets: HeldSockets, before: dict[str, Held], after: dict[str, Held]
    ) -> None:
        self._sockets, self._before, self._after = sockets, before, after
        self._is_kept = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if not self._is_kept:
            self._sockets.put_back(self._before)
            _close_all_but(self._after, self._before)

    def keep(self) -> None:
        """Close those that are no more, and do with the others as the tree says now."""
        self._is_kept = True
        _close_all_but(self._before, self._after)
        was = {each.descriptor: each.spec for each in self._before.values()}
        for name, held in self._after.items():
            if held.spec != was.get(held.descriptor, held.spec):
                _adjust(name, held)


def _same(
    name: str,
    spec: SocketSpec,
    before: Mapping[str, Held],
) -> Held | None:
    """Return the socket that listens there already.

    Raises:
        CannotListen: It does, in a way that only another one could.
    """
    named = before.get(name)
    if named is None or named.spec.place != spec.place:
        others = (each for each in before.values() if each.spec.place == spec.place)
        named = None if spec.is_any_port else next(others, None)
    if named is None:
        return None
    for key in ("reuse_port", "ipv6_only"):
        if getattr(named.spec, key) != getattr(spec, key):
            raise CannotListen(f"socket {name!r}: {key} cannot change while {spec.listen} is open")
    return named


def _close_all_but(some: Mapping[str, Held], kept: Mapping[str, Held]) -> None:
    open_ = {each.descriptor for each in kept.values()}
    for each in some.values():
        if each.descriptor not in open_:
            _close(each)


def _adjust(name: str, held: Held) -> None:
    """Do with a socket that is open as its spec says; say so where that cannot be."""
    spec = held.spec
    try:
        if spec.has_connections:
            listening.listen(held.descriptor, spec.backlog)
        if held.file is not None:
            listening.set_access(held.file, _mode(spec), _owner(spec))
    except (OSError, NoAccount) as error:
        warn(f"socket {name!r}: {_why(spec, error)}")


def _is_below(path: str, owner: str) -> bool:
    return not owner or path.startswith(f"{owner}/")


def _close(held: Held) -> None:
    if held.file is not None:
        listening.remove(held.file)  # first, so that nobody finds it and is refused
    held.descriptor.close()


def _taken(name: str, spec: SocketSpec, passed: list[Descriptor]) -> Opened | None:
    """Return the socket that was passed under a name, if one was."""
    if not passed:
        return None
    first, *others = passed
    why = (
        "is one of several of that name" if others else listening.why_not(first, _KINDS[spec.type])
    )
    if why:
        close_all(passed)
        raise CannotListen(f"socket {name!r}: what was passed under that name {why}")
    return Opened(first)


def _open(name: str, spec: SocketSpec) -> Opened:
    try:
        opened = _bound(spec)
        try:
            if spec.has_connections:
                listening.listen(opened.descriptor, spec.backlog)
        except OSError:
            _close(Held("", spec, *opened))
            raise
    except (OSError, NoAccount) as error:
        raise CannotListen(
            f"socket {name!r}: cannot listen on {spec.listen}: {_why(spec, error)}"
        ) from None
    return opened


def _bound(spec: SocketSpec) -> Opened:
    kind = _KINDS[spec.type]
    if spec.is_unix:
        return listening.open_unix(spec.listen, kind, _mode(spec), _owner(spec))
    host, port = spec.address
    return listening.open_ip(host, port, kind, reuse_port=spec.reuse_port, ipv6_only=spec.ipv6_only)


def _mode(spec: SocketSpec) -> int | None:
    return None if spec.mode is None else int(spec.mode, 8)


def _owner(spec: SocketSpec) -> tuple[int, int]:
    uid = -1 if spec.user is None else uid_of(spec.user)
    return uid, -1 if spec.group is None else gid_of(spec.group)


def _why(spec: SocketSpec, error: Exception) -> str:
    """Return in words why a socket cannot be opened."""
    code = error.errno if isinstance(error, OSError) else None
    if (
        code in (errno.EACCES, errno.EPERM)
        and not spec.is_unix
        and spec.address[1] < _FIRST_FREE_PORT
    ):
        return f"a port below {_FIRST_FREE_PORT} needs root, or the capability to bind it"
    if code in _WHY:
        return _WHY[code]
    return os.strerror(code) if code is not None else str(error)
