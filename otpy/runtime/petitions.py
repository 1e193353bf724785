"""What workers ask the node, which knows who is where."""

import contextlib
from collections.abc import Sequence

from otpy.errors import CallingSelf, NoProcess, OtpyError
from otpy.runtime.directory import Directory, Entry, way_to
from otpy.runtime.mourning import Mourners
from otpy.runtime.routing import Router
from otpy.system.channel import Channel, ChannelFull
from otpy.system.fdpass import close_fds
from otpy.wire.control import (
    Answered,
    Ask,
    AskFate,
    AskSupervisor,
    Granted,
    Introduce,
    Petition,
    Seek,
    Whereabouts,
    Whereis,
)


class Petitions:
    """Answers petitions.

    Args:
        directory: Who is where.
        mourners: Who is told of deaths.
        router: The way down the tree.
    """

    def __init__(self, directory: Directory, mourners: Mourners, router: Router) -> None:
        self._directory, self._mourners, self._router = directory, mourners, router

    def hear(self, origin: Channel, petition: Petition, fds: Sequence[int]) -> None:
        """Answer a petition to where it came from, now or later."""
        try:
            self._hear(origin, petition, fds)
        except OtpyError as error:
            close_fds(fds)
            if isinstance(petition.wish, Seek):
                _send(origin, Answered(petition.token, error, {}))
            else:
                _send(origin, Granted(petition.token, error))

    def _hear(self, origin: Channel, petition: Petition, fds: Sequence[int]) -> None:
        match petition.wish:
            case Seek(name=name):
                entry = self._other(petition, name)
                self._router.route(
                    origin, Introduce(petition.token, way_to(entry), petition.sender), fds
                )
            case Whereis(name=name):
                entry = self._directory.resolve(name)
                there = Whereabouts(entry.path, entry.state, entry.pid, entry.incarnation)
                _send(origin, Granted(petition.token, there))
            case AskSupervisor(name=name, request=request):
                entry = self._directory.resolve(name)
                if entry.kind != "supervisor":
                    raise NoProcess(f"{name!r} is a {entry.kind}, not a supervisor")
                self._router.route(origin, Ask(petition.token, way_to(entry), request), fds)
            case AskFate(who=who):
                self._mourners.ask(who, lambda fate: _send(origin, Granted(petition.token, fate)))

    def _other(self, petition: Petition, name: str) -> Entry:
        entry = self._directory.resolve(name)
        if entry.path == petition.sender.path:
            raise CallingSelf(f"{name!r} would wait for itself")
        if entry.kind not in ("worker", "supervisor"):  # of instances, maybe
            raise NoProcess(f"{name!r} is a {entry.kind}; it takes no messages")
        return entry


def _send(origin: Channel, message: object) -> None:
    # Who does not read its answers runs into its timeout.
    with contextlib.suppress(ChannelFull):
        origin.send(message)
