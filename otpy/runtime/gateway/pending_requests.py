"""What clients want from the tree, and the tree has not answered yet."""

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from otpy.core.messages import Request, StartMany
from otpy.errors import CallTimeout, NoProcess, OtpyError
from otpy.runtime.directory import GATEWAY, Entry, way_to
from otpy.runtime.gateway.client_connection import Client
from otpy.runtime.gateway.handoff import Doors, open_door
from otpy.runtime.supervisor_api import plain, refusal
from otpy.system.descriptor import Descriptor, close_all, pipe
from otpy.system.loop import Loop, Timer
from otpy.system.message_socket import Channel, ChannelClosed, NotSent
from otpy.system.pipes import link_pipes
from otpy.wire.control import (
    Address,
    Answered,
    Ask,
    DumpStacks,
    Entries,
    Forget,
    Granted,
    Hire,
    Introduce,
    Introduced,
    Lookup,
    Lost,
    Path,
    Petition,
    Plain,
    ReadGauges,
    SendSignal,
    StopProcess,
)
from otpy.wire.frames import MAX_FRAME
from otpy.wire.handoff import KNOCK, WALK_IN
from otpy.wire.link import VERSION
from otpy.wire.sys_messages import SystemRequest, Trace
from otpy.wire.values import carried


@dataclass(slots=True)
class Errand:
    """One request of a client.

    Attributes:
        client: Who wants it.
        number: Of its request.
        name: Path of the process that it is about, as the client is told.
        way: Ids from the node down to that process.
        fds: The client's ends of a link under way; behind them the gateway's of a door.
        entry: The worker that is to have a link.
        then: What is done once the tree has answered, whatever it was, in place of a reply.
    """

    client: Client
    number: int
    name: str
    way: Path
    fds: tuple[Descriptor, ...] = ()
    entry: Entry | None = None
    timer: Timer | None = None
    then: Callable[[], None] | None = None


def _introduction(path: str, pid: int, incarnation: int) -> dict[str, object]:
    greeting = (VERSION, incarnation, MAX_FRAME)
    return {"path": path, "pid": pid, "incarnation": incarnation, "greeting": greeting}


class Errands:
    """Sends requests to the node, and answers the clients when it answers.

    Args:
        node: The pipe to the node.
        loop: Where deadlines are waited for.
    """

    def __init__(self, node: Channel, loop: Loop) -> None:
        self._node, self._loop = node, loop
        self._doors = Doors(loop)
        self._tokens = itertools.count(1)
        self._open: dict[int, Errand] = {}

    def introduce(
        self, client: Client, number: int, entry: Entry, timeout: float | None, *, greet: bool
    ) -> None:
        """Get the client a link to the process, within `timeout` seconds.

        Unless it is to `greet`, the process may leave out the greeting, which is announced.

        Raises:
            OSError: There are too many open files.
        """
        if entry.state == "running" and self._hand_in(client, number, entry, greet):
            return
        errand = Errand(client, number, entry.path, way_to(entry.path))
        errand.entry = entry if entry.kind == "worker" else None
        if timeout is not None:
            errand.timer = self._loop.call_later(timeout, partial(self._late, errand))
        self._send_introduction(errand)

    def ask(
        self,
        errand: Errand,
        request: Request
        | StartMany
        | SendSignal
        | ReadGauges
        | DumpStacks
        | StopProcess
        | SystemRequest,
    ) -> None:
        """Get the client an answer."""
        self._send(errand, lambda token: Ask(token, errand.way, request))

    def look_up(self, errand: Errand, key: bytes) -> None:
        """Get the client to know who is registered under a key."""
        self._send(errand, lambda token: Petition(token, Address(GATEWAY, 0), Lookup(key)))

    def settle(self, message: Introduced | Answered | Granted, fds: tuple[Descriptor, ...]) -> None:
        """Answer the client, since the node has answered; what goes wrong ends that client."""
        errand = self._take(message.token)
        if errand is None:
            close_all(fds)
            return
        try:
            match message:
                case Introduced():
                    self._introduced(errand, message, fds)
                case Answered():
                    self._answered(errand, message)
                case Granted():
                    self._found(errand, message)
        except Exception as error:  # noqa: BLE001  # others wait for their answers
            self._close(errand)
            errand.client.drop(error)

    def _found(self, errand: Errand, message: Granted) -> None:
        if isinstance(message.answer, OtpyError):
            self._fail(errand, message.answer)
            return
        assert isinstance(message.answer, Entries)
        self._close(errand)
        errand.client.reply(errand.number, message.answer.entries)

    def hire(self, errand: Errand, hire: Hire, owner: Descriptor | None) -> None:
        """Get the client a process of its own; it ends with that of the pidfd `owner`.

        Raises:
            OSError: There are too many open files.
        """
        beside = () if owner is None else (owner,)
        try:
            errand.fds, theirs = link_pipes()
        except OSError:
            close_all(beside)
            raise
        self._send(errand, lambda token: Ask(token, errand.way, hire), (*theirs, *beside))

    def trace(self, errand: Errand) -> None:
        """Get the client the read end of a pipe that a worker writes its trace into.

        Raises:
            OSError: There are too many open files.
        """
        ours, theirs = pipe()
        errand.fds = (ours,)
        self._send(errand, lambda token: Ask(token, errand.way, Trace()), (theirs,))

    def forget(self, client: Client, number: int | None = None) -> None:
        """The client does not wait for the answer to a request, or has gone with all of its."""
        for token, errand in tuple(self._open.items()):
            if errand.client is client and number in (None, errand.number):
                self._give_up(token, errand)
                self._close(errand)

    def _introduced(self, errand: Errand, message: Introduced, fds: tuple[Descriptor, ...]) -> None:
        if not fds:
            self._fail(errand, NoProcess("out of descriptors"))
            return
        (read, write, *door), errand.fds = errand.fds, ()
        who = message.path, message.pid, message.incarnation
        if door:
            self._doors.add(*who, door[0], fds[0])
        self._close(errand)
        errand.client.reply(errand.number, _introduction(*who), (read, write, *fds))

    def _answered(self, errand: Errand, message: Answered) -> None:
        if errand.then is not None:
            self._close(errand)
            errand.then()
            return
        match message.answer:
            case Lost():
                self._try_again(errand)
            case OtpyError() as error:
                self._fail(errand, error)
            case Plain() as told:
                fds, errand.fds = errand.fds, ()
                self._close(errand)
                errand.client.reply(errand.number, told.content, fds)
            case answer if (refused := refusal(answer)) is not None:
                self._fail(errand, refused)
            case answer:
                self._close(errand)
                # The arguments in a child's spec are the user's, the rest is as MessagePack has it.
                value = carried(plain(answer, message.pids), unknown=_as_it_is)
                errand.client.reply(errand.number, value)

    def _try_again(self, errand: Errand) -> None:
        close_all(errand.fds)
        errand.fds = ()
        try:
            self._send_introduction(errand)
        except OSError as error:
            self._fail(errand, NoProcess(str(error)))

    def _send_introduction(self, errand: Errand) -> None:
        theirs: tuple[Descriptor, ...]
        errand.fds, theirs = link_pipes()
        if errand.entry is not None and not self._doors.leads_to(errand.entry):
            ours, its = open_door()
            errand.fds, theirs = (*errand.fds, *ours), (*theirs, *its)
        self._send(errand, lambda token: Introduce(token, errand.way), theirs)

    def _hand_in(self, client: Client, number: int, entry: Entry, greet: bool) -> bool:
        """Make the introduction at the worker's own door; False if there is none."""
        if not self._doors.leads_to(entry):
            return False
        ours, theirs = link_pipes()
        try:
            pidfd = self._doors.hand_in(entry, theirs, KNOCK if greet else WALK_IN)
        except OSError:
            close_all(ours)
            raise
        finally:
            close_all(theirs)
        if pidfd is None or entry.pid is None:
            close_all(ours)
            return False
        value = _introduction(entry.path, entry.pid, entry.incarnation)
        client.reply(number, value, (*ours, pidfd))
        return True

    def _take(self, token: int) -> Errand | None:
        errand = self._open.pop(token, None)
        if errand is not None:
            errand.client.request_ended()
        return errand

    def _send(
        self, errand: Errand, message: Callable[[int], object], fds: tuple[Descriptor, ...] = ()
    ) -> None:
        token = next(self._tokens)
        self._open[token] = errand
        errand.client.under_way += 1
        try:
            self._node.send(message(token), fds)
        except ChannelClosed:
            # The node has ended, and this process is about to: the client looks for the next one.
            self._take(token)
            self._close(errand)
            errand.client.close()
        except NotSent:
            self._take(token)
            self._fail(errand, CallTimeout("the node does not answer"))

    def _late(self, late: Errand) -> None:
        for token, errand in tuple(self._open.items()):
            if errand is late:
                self._give_up(token, errand)
                self._fail(errand, CallTimeout(f"{errand.name!r} did not come up in time"))

    def _give_up(self, token: int, errand: Errand) -> None:
        self._take(token)
        if errand.fds:  # the other ends of these are somewhere in the tree, and worth nothing
            with contextlib.suppress(NotSent):
                self._node.send(Forget(token))

    def _fail(self, errand: Errand, error: OtpyError) -> None:
        self._close(errand)
        errand.client.fail(errand.number, error)

    def _close(self, errand: Errand) -> None:
        close_all(errand.fds)
        errand.fds = ()
        if errand.timer is not None:
            errand.timer.cancel()


def _as_it_is(value: object) -> object:
    return value
