"""The commit gate: nothing that a handler did is seen before its changes are stored.

While handlers run, what they send is held: replies, casts, dispatched messages, requests to tasks.
One commit stores the changes of all messages of one read, and then what is held leaves in order. A
handler that raises takes along the changes of those, none of which was answered.
"""

import os
import signal
import time
from _thread import get_ident
from collections import deque
from functools import partial
from pathlib import Path
from select import PIPE_BUF
from typing import Final

from otpy.durable.attributes import Attributes
from otpy.durable.own_store import OwnStore
from otpy.durable.snapshot import Snapshot
from otpy.durable.store import Changes, KeptAnswer, Loaded, Store, StoredTimer
from otpy.errors import OtpyError, Refused, StorageError
from otpy.links.outgoing import Outgoing
from otpy.runtime.exit_reasons import raised
from otpy.runtime.worker.answer_gate import Answer, Effect
from otpy.runtime.worker.connections import NOT_ANSWERED, Info, OnceCall
from otpy.runtime.worker.introspection import answer
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.server.genserver import GenServer
from otpy.server.timer import TimerRef
from otpy.system.locks import new_lock
from otpy.wire.codec import pack_value, unpack
from otpy.wire.control import RawReply
from otpy.wire.safe_repr import short
from otpy.wire.sys_messages import BackUp, ReplaceState, SysRequest

MOST: Final = 256
MOST_S: Final = 0.005
"""Messages, and seconds, that share a commit at most."""

KEPT_ANSWERS: Final = 10_000
KEPT_S: Final = 600.0
"""So many answers of a session are kept, and each for so many seconds at least."""

_SESSION_S: Final = 86_400.0
"""Seconds after its last call after which a session is over."""

_FORGET_EVERY: Final = 1000
"""So many answers, of a session, or in all, go by before old ones are looked for."""

_LOOK_S: Final = 3600.0
"""Sessions are looked at all together: seldom."""

FAULT_VARIABLE: Final = "OTPY_DURABLE_FAULT"
"""For tests, such as ``stored=0.01``: the point of a commit at which the process kills itself, and
in which part of all commits: `before` what has changed is known, when it is `known`, or when it is
`stored` but not answered."""


class Commit:
    """The message that makes a server commit what was changed or sent beside its handlers."""


COMMIT: Final = Commit()

_CLOCK_EVERY: Final = 16
"""So many messages go by before the clock is looked at."""


class Gate:
    """Holds what a durable server sends until its changes are stored.

    Args:
        server: The server.
        store: Where its state is; open.
        loaded: What was in there.
        mailbox: The server's own.

    Attributes:
        changes: What the next commit stores beside attributes and rows.
        is_lost: Whether what was not stored will never be: the server ends.
    """

    def __init__(
        self, server: GenServer, store: Store, loaded: Loaded, mailbox: WorkerMailbox
    ) -> None:
        self._server, self._store, self._mailbox = server, store, mailbox
        self._loaded = loaded
        self._state = _state_of(server, store)
        self._held: deque[Effect | Answer] = deque()
        self._lock = new_lock()
        self._main = get_ident()
        self._in_handler = True
        self._asked = False
        self._count, self._since = 0, 0.0
        self._fault: tuple[str, float] | None = None
        self._timers: dict[int, tuple[Info, int]] = {}
        self._last_timer = max([timer.number for timer in loaded.timers], default=0)
        self._unanswered: dict[tuple[bytes, int], list[OnceCall]] = {}
        self._kept: dict[bytes, int] = {}
        self._kept_in_all, self._sessions_looked_at = 0, 0.0
        self.changes = Changes()
        self._is_reset = False
        self.is_lost = False
        if not hasattr(type(server), "store"):
            server.store = OwnStore(self._reset)  # type: ignore[attr-defined]

    # --- what handlers do ----------------------------------------------------------------------

    def hold(self, effect: Effect | Answer) -> None:
        """Keep an effect until the next commit; one of a server that has failed is dropped."""
        if self.is_lost:
            return
        self._held.append(effect)
        if not self._in_handler or get_ident() != self._main:
            self._ask()

    def _ask(self) -> None:
        """Have the server commit soon, though it handles no message."""
        if not self._asked:
            self._asked = True
            self._mailbox.put(Info(COMMIT))

    # --- what the server does ------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether no further message is to share this commit."""
        if self._count >= MOST:
            return True
        return self._count % _CLOCK_EVERY == 0 and time.monotonic() - self._since > MOST_S

    @property
    def is_shared(self) -> bool:
        """Whether several messages share this commit: then others are likely to come."""
        return self._count > 1

    def begin(self) -> None:
        """Note that a handler begins."""
        self._in_handler = True
        if not self._count:
            self._since = time.monotonic()
        self._count += 1

    def idle(self) -> None:
        """Note that no handler runs: messages are waited for."""
        self._in_handler = False

    def store_changes(self) -> deque[Effect]:
        """Store what has changed; return the effects that are to leave now.

        Raises:
            StorageError: It cannot be stored. Nothing of it has left, and nothing will.
        """
        if self._fault is not None:
            self._die_at("before")
        self._asked, self._count = False, 0
        # What other threads send from now on waits for the next commit.
        held, count = self._held, len(self._held)
        try:
            changes = self._taken_changes()
            attributes = self._changed_attributes()
            if attributes or changes is not None or self._store.has_begun:
                if self._fault is not None:
                    self._die_at("known")
                self._store.commit(attributes, changes)
        except BaseException:
            self.roll_back()
            raise
        if self._fault is not None:
            self._die_at("stored")
        return together([held.popleft() for _ in range(count)])

    def answer(self, request: SysRequest) -> RawReply | OtpyError:
        """Serve a system message; what it changes is stored before it is answered."""
        if isinstance(request, BackUp):
            return self._stored() or self._backed_up(request)
        reply = answer(self._server, request)
        if isinstance(request, ReplaceState) and isinstance(reply, RawReply):
            return self._stored() or reply
        return reply

    def _stored(self) -> Refused | None:
        """Store what has changed, before its effects leave; return why that cannot be."""
        try:
            self._store.commit(self._changed_attributes(), self._taken_changes())
        except StorageError as error:
            self.roll_back()
            self._mailbox.stop_after_read(raised(error))
            return Refused(str(error))
        return None

    def _backed_up(self, request: BackUp) -> RawReply | OtpyError:
        try:
            return RawReply(self._store.back_up(Path(request.path)))
        except StorageError as error:
            return Refused(str(error))

    def _changed_attributes(self) -> dict[str, bytes | None]:
        return {} if self._is_reset else self._state.changes()

    def _taken_changes(self) -> Changes | None:
        if not self.changes:
            return None
        with self._lock:
            changes, self.changes = self.changes, Changes()
        return changes

    def _die_at(self, point: str) -> None:
        assert self._fault is not None
        if self._fault[0] == point:
            import random  # noqa: PLC0415  # only a test needs it

            if random.random() < self._fault[1]:  # noqa: S311
                os.kill(os.getpid(), signal.SIGKILL)

    def first_commit(self) -> None:
        """Have the next commit store that there is a state, whatever `init` made of it."""
        self.changes.version = version_of(self._server)

    def ensure_stored(self) -> None:
        """Have the next commit store that there is a state, if there is none."""
        if self._loaded.version is None:
            self.first_commit()

    def roll_back(self) -> None:
        """Undo what was not committed; it is not seen, and the server stores nothing any more."""
        self.is_lost = True
        self._held.clear()
        self._store.rollback()

    def _reset(self) -> None:
        self._is_reset = True
        self._timers.clear()
        with self._lock:
            self.changes = Changes()
        self._store.reset()

    def close(self) -> None:
        """Let another process have the state."""
        self._store.close()

    # --- timers --------------------------------------------------------------------------------

    def start_timer(self, seconds: float, message: object) -> TimerRef:
        """Send a message to the server itself later, in whichever incarnation.

        Raises:
            NotSendable: It cannot be stored.
        """
        packed = pack_value(message)
        with self._lock:
            self._last_timer = number = self._last_timer + 1
            self.changes.timers.append(StoredTimer(number, time.time() + seconds, packed))
        return self._set(number, seconds, message)

    def started(self) -> None:
        """Note that the server has started: set its timers; those that are due are so now."""
        self._fault = _wanted_fault()
        for timer in self._loaded.timers:
            seconds = max(0.0, timer.due - time.time())
            self._set(timer.number, seconds, unpack(timer.message))

    def _set(self, number: int, seconds: float, message: object) -> TimerRef:
        timer = self._mailbox.send_after(seconds, message)
        self._timers[id(timer.message)] = timer.message, number
        return timer

    def took(self, message: Info) -> None:
        """Note that a message is handled, or cancelled; a timer's is stored no more."""
        if (timer := self._timers.pop(id(message), None)) is not None:
            with self._lock:
                self.changes.fired.append(timer[1])

    # --- calls that are applied once ------------------------------------------------------------

    def is_new(self, call: OnceCall) -> bool:
        """Return whether a call is to be applied; else its answer is sent, or will be."""
        key = call.session, call.serial
        if (others := self._unanswered.get(key)) is not None:
            others.append(call)
            return False
        kept = self._kept_answer(*key)
        if kept is None:
            self._unanswered[key] = [call]
            return True
        call.repeat(kept)
        return False

    def applied(self, call: OnceCall) -> None:
        """Note that a call was applied; its caller gets the answer again, if there is one."""
        if not call.answered:
            self._keep(call.session, call.serial, NOT_ANSWERED)

    def unanswered(self, link: object, number: int) -> OnceCall | None:
        """Return the call of that number on a link, if it is one that is applied once."""
        calls = (call for same in self._unanswered.values() for call in same)
        return next((call for call in calls if (call.link, call.number) == (link, number)), None)

    def answered(self, call: OnceCall, answer: bytes) -> None:
        """Keep the answer to a call, and give it to those that have repeated it meanwhile."""
        self._keep(call.session, call.serial, answer)
        for other in self._unanswered.pop((call.session, call.serial), ()):
            if other is not call:
                other.repeat(answer)

    def _kept_answer(self, session: bytes, serial: int) -> bytes | None:
        for kept in reversed(self.changes.answers):  # not committed yet
            if (kept.session, kept.number) == (session, serial):
                return kept.answer
        return self._store.kept_answer(session, serial)

    def _keep(self, session: bytes, serial: int, answer: bytes) -> None:
        with self._lock:
            self.changes.answers.append(KeptAnswer(session, serial, answer))
            count = self._kept[session] = self._kept.get(session, 0) + 1
            self._kept_in_all += 1
        if get_ident() != self._main:
            return
        now = time.time()
        if count % _FORGET_EVERY == 0:
            self._store.forget_answers(session, serial - KEPT_ANSWERS, now - KEPT_S)
        if self._kept_in_all % _FORGET_EVERY == 0 and now > self._sessions_looked_at + _LOOK_S:
            self._sessions_looked_at = now
            self._kept.clear()
            self._store.forget_sessions(now - _SESSION_S)

    # --- the state -----------------------------------------------------------------------------

    def restore(self) -> bool:
        """Give the server the stored state; return whether there is one.

        Raises:
            StorageError: It is of a later version, or of an earlier one without `migrate`, or its
                values are not of their types.
        """
        stored, now = self._loaded.version, version_of(self._server)
        if stored is None:
            return False
        if stored == now:
            self._state.restore(self._loaded.attributes)
            return True
        text = f"the state was written by version {stored} of {type(self._server).__name__}"
        if stored > now:
            raise StorageError(f"{text}, this is version {now}")
        migrate = getattr(self._server, "migrate", None)
        if migrate is None:
            raise StorageError(f"{text}, this is version {now}, without `migrate(old, state)`")
        self._state.migrate(self._loaded.attributes, partial(migrate, stored))
        self.changes.version = now
        return True


def together(held: list[Effect | Answer]) -> deque[Effect]:
    """Return effects in their order; answers that go one after another by one link are one."""
    effects: deque[Effect] = deque()
    frames: list[bytes] = []
    to: Outgoing | None = None
    size = 0
    for effect in held:
        if type(effect) is tuple:
            outgoing, data = effect
            if outgoing is to and size + len(data) <= PIPE_BUF:
                size += len(data)
                frames.append(data)
                continue
            if to is not None:
                effects.append(partial(to.send, b"".join(frames)))
            to, frames, size = outgoing, [data], len(data)
        else:
            if to is not None:
                effects.append(partial(to.send, b"".join(frames)))
                to = None
            effects.append(effect)  # type: ignore[arg-type]
    if to is not None:
        effects.append(partial(to.send, b"".join(frames)))
    return effects


def version_of(server: GenServer) -> int:
    """Return the version of a server's class.

    Raises:
        StorageError: It is no whole number from 1 on.
    """
    version = getattr(server, "version", 1)
    if type(version) is not int or version < 1:
        name = type(server).__name__
        raise StorageError(f"{name}.version is {short(version)}, expected 1, 2, ...")
    return version


def _state_of(server: GenServer, store: Store) -> Attributes | Snapshot:
    if hasattr(server, "snapshot"):
        return Snapshot(server)
    return Attributes(server, store)


def _wanted_fault() -> tuple[str, float] | None:
    if not (wanted := os.environ.get(FAULT_VARIABLE)):
        return None
    point, _, chance = wanted.partition("=")
    return point, float(chance or 1)
