"""Spares: processes that were forked ahead for one child, and have imported its module.

When the child dies, a spare becomes it. Another is forked once the supervisor is at rest again, and
as long as it is, so that no recovery waits for that. One that dies by itself, or
cannot import the module, is replaced later and later. While its child is stopped it has none; and
`otpy restart` ends them, so that the code is read anew.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from otpy.core.spec import Backoff, ChildSpec, ServerStart
from otpy.runtime.control_channel import STAND_BY
from otpy.runtime.supervisor.output import ChildOutput
from otpy.runtime.supervisor.prefork import PreforkedProcess
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.loop import Loop
from otpy.system.message_socket import MessageSocket, NotSent
from otpy.system.procfs import boot_time
from otpy.system.wait import kill_group, reap, send_signal
from otpy.system.warnings import calm, warn_once
from otpy.wire.control import Prepared

_REST_S: Final = 0.1
"""Seconds of rest before a spare is forked: what follows a recovery comes first."""

_AT_ONCE: Final = os.cpu_count() or 1
"""So many of a supervisor's spares import at the same time, at most."""

_BACKOFF: Final = Backoff()
_SIGKILL: Final = 9


@dataclass(slots=True, eq=False)
class Spare:
    """A process that is to become a child.

    Attributes:
        spec: Of the child, as it was when this was forked.
        born: The `boot_time` from which on it can have started other processes.
        ready_since: When it had imported the module, by the monotonic clock; None before.
    """

    spec: ChildSpec
    path: str
    process: PreforkedProcess
    channel: MessageSocket
    output: ChildOutput
    born: float = field(default_factory=boot_time)
    ready_since: float | None = None


@dataclass(slots=True, eq=False)
class _Wanted:
    """A child that is to have spares.

    Attributes:
        wait: Seconds between the death of the last one and the next, if it died by itself.
        not_before: When the next may be forked, by the monotonic clock.
    """

    spec: ChildSpec
    path: str
    spares: list[Spare] = field(default_factory=list)
    wait: float = 0.0
    not_before: float = 0.0

    @property
    def lacks(self) -> int:
        """How many are missing."""
        assert isinstance(self.spec.start, ServerStart)
        return self.spec.start.spare - len(self.spares)


class Spares:
    """Keeps the spares of a supervisor's children.

    Args:
        loop: The supervisor's.
        fork: Forks a spare for a child, given its spec and path; raises the system's error.
        is_at_rest: Returns whether the supervisor has nothing to do now.
        has_process: Returns whether a child, named by its id, has a process.
        changed: Called with a path and the pids of the spares that are ready, when those change.
        killed: Called with the pid of one that was killed here, and is not reaped yet.
        ended: Called when one has ended, with the `boot_time` of its start, and may have left
            processes behind.
        free: Releases the counters of one that is gone.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        fork: Callable[[ChildSpec, str], Spare],
        is_at_rest: Callable[[], bool],
        has_process: Callable[[str], bool],
        changed: Callable[[str, tuple[int, ...]], None],
        killed: Callable[[int], None],
        ended: Callable[[float], None],
        free: Callable[[int], None],
    ) -> None:
        self._loop, self._fork, self._free = loop, fork, free
        self._is_at_rest, self._has_process = is_at_rest, has_process
        self._changed, self._killed, self._ended = changed, killed, ended
        self._wanted: dict[str, _Wanted] = {}
        self._by_pid: dict[int, Spare] = {}
        self._refills = False

    @property
    def pids(self) -> set[int]:
        """Of all of them, those that were killed and are not reaped included."""
        return set(self._by_pid)

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the children that have spares, or are to have some."""
        return tuple(self._wanted)

    def want(self, spec: ChildSpec, path: str) -> None:
        """Keep spares for a child that is up, if its spec says so."""
        if not isinstance(spec.start, ServerStart) or not spec.start.spare:
            return
        known = self._wanted.get(spec.id)
        if known is None or known.spec != spec:
            self.forget(spec.id)
            self._wanted[spec.id] = _Wanted(spec, path)
        self.refill_soon()

    def take(self, spec: ChildSpec) -> Spare | None:
        """Return a spare that becomes a child now; None if none has imported the module."""
        wanted = self._wanted.get(spec.id)
        if wanted is None or wanted.spec != spec:
            return None
        for spare in tuple(wanted.spares):
            if spare.ready_since is None:
                continue
            wanted.spares.remove(spare)
            if spare.process.alive:
                del self._by_pid[spare.process.pid]
                spare.channel.detach()
                wanted.wait = 0.0
                return spare
            self._kill(spare)
        return None

    def has_ready(self, id_: str) -> bool:
        """Return whether a child has a spare that has imported its module."""
        return self._next(id_) is not None

    def stand_by(self, id_: str) -> None:
        """Have the next spare of a child that ends do beforehand what it can."""
        if (spare := self._next(id_)) is not None:
            with contextlib.suppress(NotSent):
                spare.channel.send(STAND_BY)

    def _next(self, id_: str) -> Spare | None:
        if (wanted := self._wanted.get(id_)) is not None:
            for spare in wanted.spares:
                if spare.ready_since is not None:
                    return spare
        return None

    def drop(self, id_: str) -> None:
        """End the spares of a child, since they are outdated; it gets others."""
        if (wanted := self._wanted.get(id_)) is not None:
            self._kill_all(wanted)

    def forget(self, id_: str) -> None:
        """End the spares of a child, which is not to have any until it is up again."""
        if (wanted := self._wanted.pop(id_, None)) is not None:
            self._kill_all(wanted)

    def close(self) -> None:
        """End all spares: their supervisor ends."""
        wanted, self._wanted = self._wanted, {}
        for each in wanted.values():
            for spare in each.spares:
                self._kill(spare)

    def release(self) -> None:
        """End all spares, since what they have is needed; they are forked again later."""
        for wanted in self._wanted.values():
            self._kill_all(wanted)

    # ---- forking -----------------------------------------------------------------------------

    def refill_soon(self) -> None:
        """Fork what is missing once the supervisor has been at rest for a while."""
        if not self._refills and any(self._is_due(wanted) for wanted in self._wanted.values()):
            self._refills = True
            self._loop.call_later(_REST_S, self._refill)

    def _is_due(self, wanted: _Wanted) -> bool:
        return (
            wanted.lacks > 0
            and wanted.not_before <= time.monotonic()
            and self._has_process(wanted.spec.id)
        )

    def _refill(self) -> None:
        """Fork one, and then the next; what becomes of one is awaited by nobody."""
        self._refills = False
        if not self._is_at_rest():
            return  # `refill_soon` is called when it is
        due = next((wanted for wanted in self._wanted.values() if self._is_due(wanted)), None)
        if due is None or self._importing >= _AT_ONCE:
            return  # one that has imported its module makes room
        try:
            spare = self._fork(due.spec, due.path)
        except (OSError, MemoryError) as error:
            self._failed(due, f"cannot fork it: {error}")
        else:
            due.spares.append(spare)
            self._by_pid[spare.process.pid] = spare
            self._attach(spare)
        self._refill_next()

    def _refill_next(self) -> None:
        if not self._refills:
            self._refills = True
            self._loop.call_soon(self._refill)

    @property
    def _importing(self) -> int:
        return sum(spare.ready_since is None for spare in self._by_pid.values())

    def _attach(self, spare: Spare) -> None:
        def received(message: object, fds: tuple[Descriptor, ...]) -> None:
            close_all(fds)
            if isinstance(message, Prepared) and spare.ready_since is None:
                self._is_ready(spare)
            else:
                self._kill(spare)  # it is no child yet: it has nothing to say

        try:
            spare.channel.attach(
                self._loop, received, spare.channel.detach, lambda _error: self._kill(spare)
            )
        except OSError:
            self._kill(spare)

    def _is_ready(self, spare: Spare) -> None:
        spare.ready_since = time.monotonic()
        calm(_topic(spare.path))
        self._tell(spare.path, spare.spec.id)
        self._refill_next()

    def _tell(self, path: str, id_: str) -> None:
        wanted = self._wanted.get(id_)
        ready = [each for each in (wanted.spares if wanted else ()) if each.ready_since is not None]
        self._changed(path, tuple([each.process.pid for each in ready]))

    # ---- how they end ------------------------------------------------------------------------

    def reaped(self, pid: int) -> bool:
        """Reap a spare, and release its resources; return whether `pid` was one."""
        spare = self._by_pid.pop(pid, None)
        if spare is None:
            return False
        status = reap(pid)
        kill_group(pid)
        self._close(spare)
        self._free(spare.process.slot)
        self._ended(spare.born)
        wanted = self._wanted.get(spare.spec.id)
        if wanted is not None and spare in wanted.spares:
            wanted.spares.remove(spare)
            if spare.ready_since is not None:
                if time.monotonic() - spare.ready_since >= _BACKOFF.reset_after:
                    wanted.wait = 0.0
                self._tell(spare.path, spare.spec.id)
            self._failed(wanted, status.signal or f"exit status {status.code}")
        self._refill_next()
        return True

    def _failed(self, wanted: _Wanted, why: str) -> None:
        wanted.wait = _BACKOFF.after(wanted.wait)
        wanted.not_before = time.monotonic() + wanted.wait
        self._loop.call_later(wanted.wait, self.refill_soon)
        next_ = f"the next one is forked in {wanted.wait:g} s"
        warn_once(_topic(wanted.path), f"{wanted.path}: a spare has ended: {why}; {next_}")

    def _kill_all(self, wanted: _Wanted) -> None:
        spares, wanted.spares = wanted.spares, []
        for spare in spares:
            self._kill(spare)
        if any(spare.ready_since is not None for spare in spares):
            self._changed(wanted.path, ())

    def _kill(self, spare: Spare) -> None:
        """Kill one; it is reaped like everything else, and not waited for here."""
        spare.channel.detach()
        send_signal(spare.process.pidfd, _SIGKILL)
        self._killed(spare.process.pid)

    def _close(self, spare: Spare) -> None:
        spare.output.finish()
        spare.channel.close()
        spare.process.pidfd.close()


def _topic(path: str) -> str:
    return f"a spare of {path}"
