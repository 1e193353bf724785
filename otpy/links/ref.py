# Generated from otpy/aio/links/ref.py by scripts/generate_blocking.py; do not edit.

"""A reference to a process by name: it survives the process's restarts."""

import itertools
from collections.abc import Iterable
from typing import Any, Final

from otpy.errors import (
    CallingSelf,
    CallTimeout,
    FrameTooLarge,
    NodeNotFound,
    NoProcess,
    NotSendable,
    OtpyError,
    ProcessDown,
    ProtocolError,
    SeveralInstances,
)
from otpy.links.calls import Calls
from otpy.links.deadline import DEFAULT_TIMEOUT_S, TooLate, locked, pause_within, within
from otpy.links.instances import Pool
from otpy.links.link import Link
from otpy.links.link_resolver import LinkResolver
from otpy.links.once import Attempts, Once, Session
from otpy.links.pending import Pending
from otpy.links.protocol import Failure, Reply, value_of
from otpy.links.sys_calls import SystemCalls
from otpy.links.waiter import Lost, NotDelivered
from otpy.system.locks import new_lock
from otpy.wire.frames import Frame

MAX_MISMATCHED_HELLOS: Final = 10
"""Hellos of another incarnation than the gateway named, before it is an error."""


GROUP: Final = 256
"""Casts that go together, if there are so many."""


class Ref(Calls, SystemCalls):
    """A process, by its name. Any number of threads may use it."""

    def __init__(self, node: LinkResolver, name: str) -> None:
        self.name = name
        self._node: LinkResolver = node
        self._link: Link | None = None
        self._pool: Pool[Ref] | None = None
        self._resolving = new_lock()
        self._session = Session()

    def __repr__(self) -> str:
        return f"<Ref {self.name} of {self._node.name}>"

    @property
    def _present_link(self) -> Link | None:
        """The link to the process, if there is one; it may have ended."""
        return self._link

    @property
    def _under_way(self) -> int:
        """Return how many requests of this process are under way there."""
        return 0 if self._link is None else self._link.under_way

    def send_request(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> Pending:
        """Send a request, and go on; any number may be under way.

        Args:
            request: As `call`'s.
            args: As `call`'s.
            key: As `call`'s.
            timeout: Seconds to wait while the process takes no messages, or None for ever.

        Returns:
            What has the reply once it came: ``pending.result(timeout=)``, ``.done()``. What
            went wrong with the process is told there, too.

        Raises:
            NotSendable: MessagePack cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        message = (request, *args) if args else request
        pending = Pending(self, message, key)
        pending._send(timeout)
        return pending

    def cast_many(
        self,
        requests: Iterable[object],
        *,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Cast each of `requests` in turn, many to a write: several times as fast as one by one.

        Args:
            requests: Each as the one of `cast`; with arguments, a tuple. They go off in order and
                in groups, as far as they have come, so that they may be without end.
            key: As `call`'s; without one, each group goes to the least busy instance.
            timeout: Seconds to wait altogether while the process takes no messages, or None.

        Raises:
            CallTimeout: The process lives, but took no messages in time; the first groups went.
            NotSendable: MessagePack cannot carry a request; those before it went.
            FrameTooLarge: A request is over `max_frame`; those before it went.
        """
        rest = iter(requests)
        with within(timeout, f"{self.name!r} took no messages") as deadline:
            while group := list(itertools.islice(rest, GROUP)):
                try:
                    self._cast(group, deadline, key, many=True)
                except (NotSendable, FrameTooLarge):
                    for message in group:
                        self._cast(message, deadline, key, many=False)

    def _cast(self, what: Any, deadline: float | None, key: object, *, many: bool) -> None:
        while True:
            link = self._link
            if link is None:
                link = self._link_of_the_pool(key)
            if link is None or not link.open:
                # What cannot be sent is told in any case.
                protocol = self._node._protocol()
                protocol.casts(what) if many else protocol.cast(what)
                link = self._open_link_if_up(deadline, key)
                if link is None:
                    return
            try:
                if many:
                    link.cast_many(what, deadline)
                else:
                    link.cast(what, deadline)
            except NotDelivered:
                self._drop(link)
            else:
                return

    # --- for the rest of this package --------------------------------------------------------

    def _abandon(self) -> None:
        """Forget the link: to be called in the child after a fork."""
        self._resolving = new_lock()
        self._link = self._pool = None

    def _post(self, incarnation: int, data: Frame, timeout: float | None) -> bool:
        """Send a frame to one incarnation of the process; False if that is gone, or takes none.

        The hello is not waited for: a busy worker says hello when it is done.
        """
        try:
            with within(timeout, f"{self.name!r} took no messages") as deadline:
                link = self._open_link(deadline)
                if link.incarnation != incarnation:
                    return False
                link.cast_frame(data, deadline)
        except (OtpyError, OSError):
            return False
        return True

    def _ready_link(self, deadline: float | None, key: object = None) -> Link:
        """Return a link on which the worker's hello has arrived."""
        known = self._link
        if known is None:
            known = self._link_of_the_pool(key)
        if known is not None and known.open and known.handshake_done:
            return known
        while True:
            target = self._target(deadline, key)
            try:
                return target._connect_single(deadline)  # noqa: SLF001  # of this class
            except NoProcess:
                # There may be fewer instances than a moment ago, and that one was too many.
                self._target(deadline, key)
                if (pool := self._pool) is None or target in pool:
                    raise

    def _call_once(
        self, message: object, key: object, timeout: float | None, request_id: str | None
    ) -> Any:
        """Call a durable server, again and again until it answers; it applies the call once.

        One that fails of the call itself, twice, is not asked again: each time it is restarted.
        """
        request = self._session.once(message, request_id)
        attempts = Attempts()
        target: Ref | None = None
        try:
            with within(timeout, f"{self.name!r} did not answer") as deadline:
                while True:
                    try:
                        if target is None:  # another instance would know nothing of it
                            target = self._target(deadline, key)
                        return value_of(target._answer_once(request, deadline))  # noqa: SLF001
                    except (ProcessDown, NodeNotFound) as error:
                        attempts.failed(error)
                    pause_within(attempts.wait(), deadline)
        except (CallTimeout, ProcessDown) as error:
            error.request_id = request.request_id
            raise

    def _answer_once(self, request: Once, deadline: float | None) -> Reply | Failure:
        while True:
            link = self._connect_single(deadline)
            number: int | None = None
            try:
                number, waiter = link.begin_call(request, deadline)
                return link.finish(waiter, deadline)
            except NotDelivered:
                self._drop(link)
            except Lost:
                self._drop(link)
                raise self._node._down_error(link, deadline) from None
            finally:
                if number is not None:
                    link.forget(number)

    def _drop(self, link: Link) -> None:
        """Do not use a link any more."""
        link.retire()
        if self._link is link:
            self._link = None

    def _link_of_the_pool(self, key: object) -> Link | None:
        if self._pool is None or self._pool.has_to_ask(key):
            return None
        return self._pool.choose(key)._present_link

    def _target(self, deadline: float | None, key: object) -> "Ref":
        """Return the instance to send to, or this very reference if there are no instances."""
        try:
            self._open_link(deadline)
        except SeveralInstances as several:
            pool = self._pool
            if pool is None or (pool.path, len(pool)) != (several.path, several.count):
                paths = (f"{several.path}/{number}" for number in range(several.count))
                pool = Pool(several.path, [Ref(self._node, path) for path in paths])
                self._pool = pool
            pool.update_loads(several.loads)
            return self._choose(pool, key, deadline)
        self._pool = None
        return self

    def _connect_single(self, deadline: float | None) -> Link:
        for _ in range(MAX_MISMATCHED_HELLOS):
            link = self._open_link(deadline)
            while not link.await_hello(deadline):
                self._drop(link)
                link = self._open_link(deadline)
            if link.hello_from == link.incarnation:
                return link
            self._drop(link)
        raise ProtocolError(
            f"{self.name!r} says hello as incarnation {link.hello_from}, "
            f"but the gateway knows incarnation {link.incarnation}"
        )

    def _open_link(self, deadline: float | None) -> Link:
        """Return an open link; the worker's hello may not have arrived yet."""
        link = self._link
        if link is not None and link.open:
            return link
        with locked(self._resolving, deadline):
            link = self._link
            if link is None or not link.open:
                self._link = link = self._node._open_link(self.name, deadline)
            return link

    def _open_link_if_up(self, deadline: float | None, key: object = None) -> Link | None:
        """Return an open link, or None if the process is down: a cast does not wait for it.

        The hello is not waited for either: a busy worker says hello when it is done, and a cast
        that dies with its link is a cast to a process that went down.
        """
        try:
            if not self._node._is_running(self.name, deadline):
                return None
            target = self._target(deadline, key)
            if target is not self:
                return target._open_link_if_up(deadline)  # noqa: SLF001  # of this class
            return self._open_link(deadline)
        except (NoProcess, NodeNotFound, ProcessDown, CallTimeout, TooLate):
            return None

    def _choose(self, pool: "Pool[Ref]", key: object, deadline: float | None) -> "Ref":
        """Choose an instance that runs: without a key no restart is waited for.

        Raises as `LinkResolver._is_running` does, but not `NoProcess`.
        """
        if key is not None:
            return pool.choose(key)
        for _ in range(len(pool)):
            instance = pool.choose(None)
            runs = instance._runs(deadline)  # noqa: SLF001  # of this class
            pool.chose(instance, runs=runs)
            if runs:
                return instance
        return pool.choose_whatever()

    def _runs(self, deadline: float | None) -> bool:
        link = self._link
        if link is not None and link.open:
            return True
        try:
            return self._node._is_running(self.name, deadline)
        except (NoProcess, CallingSelf):
            return False
