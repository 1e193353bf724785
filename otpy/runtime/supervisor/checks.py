"""What a supervisor looks at while a child runs, if the child's spec has a key for it."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from otpy.core.exits import ExitReason, Hung, Recycled
from otpy.core.spec import seconds_of
from otpy.errors import OtpyError
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.reaper import Reaper
from otpy.runtime.supervisor.recycling import RecyclingWatch
from otpy.runtime.supervisor.stack_dumps import StackDumps
from otpy.runtime.supervisor.watchdog import ProgramWatchdog, WorkerWatchdog
from otpy.system.loop import Loop, Timer
from otpy.wire.control import RawReply

if TYPE_CHECKING:
    from otpy.runtime.supervisor.helpers import Helpers
    from otpy.runtime.supervisor.notify_socket import Notification

_DUMP_S: Final = 5.0
"""Most seconds that a program which hangs has to dump its core."""


class Owner(Protocol):
    """What does with a child as its checks have found: the runtime of its supervisor."""

    @property
    def helpers(self) -> "Helpers":
        """Short-lived processes on the side."""

    def limit_reached(self, child: Child, reason: Recycled) -> None:
        """Replace a child."""

    def end_for(self, child: Child, reason: ExitReason) -> None:
        """Kill a child."""


class Checks:
    """Begins what looks at children; it ends with `Child.end_checks`.

    Args:
        loop: The supervisor's.
        stacks: Of the workers.
        reaper: The supervisor's.
        owner: Does what follows.
    """

    def __init__(
        self,
        loop: Loop,
        stacks: StackDumps,
        reaper: Reaper,
        owner: Owner,
    ) -> None:
        self._loop, self._stacks = loop, stacks
        self._reaper, self._owner = reaper, owner

    def begin(self, child: Child) -> None:
        """Look at a child that is up from now on."""
        if child.limits is not None:
            watch = RecyclingWatch(
                self._loop,
                child,
                child.limits,
                self._reaper.processes_of,
                self._owner.limit_reached,
            )
            child.checks.append(watch)
        if child.spec.watchdog is not None and child.kind == "worker":
            watchdog = WorkerWatchdog(
                self._loop, child, child.spec.watchdog, lambda child: self._hangs(child, watchdog)
            )
            child.checks.append(watchdog)
        if child.spec.watches_program:
            assert child.spec.watchdog is not None
            abort = partial(self._abort, child)
            child.checks.append(ProgramWatchdog(self._loop, child.spec.watchdog, abort))
        if child.spec.health is not None:
            # Only supervisors with such children pay for what it imports.
            from otpy.runtime.supervisor.health import HealthCheck  # noqa: PLC0415

            given = child.spec.surroundings
            kill = partial(self._kill, child)
            check = HealthCheck(self._loop, self._owner.helpers, child.spec.health, given, kill)
            child.checks.append(check)

    def _kill(self, child: Child, reason: ExitReason) -> None:
        child.end_checks()
        self._owner.end_for(child, reason)

    def _hangs(self, child: Child, watchdog: WorkerWatchdog) -> None:
        """Kill a worker that hangs, once it has written its stacks."""

        def end(stacks: RawReply | OtpyError) -> None:
            if watchdog not in child.checks:
                return  # it has ended meanwhile, or is being stopped
            if not watchdog.is_over():
                watchdog.resume()  # it has come back to its mailbox meanwhile
                return
            child.hangs(str(stacks.value if isinstance(stacks, RawReply) else stacks))
            self._kill(child, Hung())

        self._stacks.dump(child, end)

    def notified(self, child: Child, notification: "Notification") -> None:
        """Handle what a program says by sd_notify(3)."""
        for each in tuple(child.checks):
            if isinstance(each, ProgramWatchdog):
                if notification.trigger:
                    self._abort(child)
                elif notification.watchdog:
                    each.give_sign_of_life()

    def _abort(self, child: Child) -> None:
        """End a program that hangs: it may dump its core before it is killed."""
        child.end_checks()
        budget = seconds_of(child.spec.shutdown)
        seconds = _DUMP_S if budget is None else min(budget, _DUMP_S)
        child.abort()
        child.checks.append(_Later(self._loop, seconds, lambda: self._owner.end_for(child, Hung())))


class _Later:
    """A call that does not come once it is closed."""

    def __init__(self, loop: Loop, seconds: float, call: Callable[[], None]) -> None:
        self._timer: Timer = loop.call_later(seconds, call)

    def close(self) -> None:
        self._timer.cancel()
