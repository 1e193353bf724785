"""One incarnation of a child, as its supervisor sees it."""

import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from otpy.core.exits import (
    ExitReason,
    ExitStatus,
    Hung,
    Killed,
    Normal,
    OutOfMemory,
    Raised,
    Recycled,
    Shutdown,
    Signaled,
    StartTimeout,
    is_clean,
    reason_of,
)
from otpy.core.recycling import RecyclingLimits
from otpy.core.spec import ChildSpec, kind_of, seconds_of, sockets_asked_for
from otpy.errors import OtpyError
from otpy.events import (
    ChildEnded,
    ChildStarted,
    ChildStartFailed,
    ChildStarting,
    ChildStopping,
    Event,
)
from otpy.runtime.counters import CASTS, INFOS, SUSPENDED, TAKEN, busy_for, queued
from otpy.runtime.supervisor.end_reasons import of_recycled, with_own_limit
from otpy.runtime.supervisor.output import ChildOutput
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Timer
from otpy.system.message_socket import MessageSocket, SocketClosed, SocketFull
from otpy.system.procfs import boot_time
from otpy.system.python_end import CUT_SHORT
from otpy.system.wait import WaitStatus, kill_group, send_signal, signal_name
from otpy.system.warnings import warn
from otpy.wire.control import (
    Address,
    DownNotification,
    Exiting,
    ExitNotification,
    GetSockets,
    HaltNow,
    NodeRequest,
    Retire,
    ShutDown,
)
from otpy.wire.gateway import Statistics
from otpy.wire.paths import GATEWAY

if TYPE_CHECKING:
    from otpy.runtime.supervisor.readiness import Readiness, Signs


_CODE_OF_SIGKILL: Final = 128 + signal.SIGKILL
"""The exit status of a shell whose program SIGKILL has ended."""


class Closable(Protocol):
    """Something that a child has while it runs."""

    def close(self) -> None:
        """End it."""


@dataclass(slots=True)
class Child:
    """A running process of a supervisor's.

    Attributes:
        path: From the root, "" for the root supervisor.
        supervisors: Pids of the supervisors below it.
        initialized: Its init has returned, or its program was executed.
        ready: It is up: that, and what makes it ready holds.
        stop_requested: It was told to stop.
        orderly: It was asked to stop, and its budget is not over.
        untouchable: Its supervisor may not kill it.
        reaped: It has ended, and its status was taken.
        overdue: Its budget was over before everything of it had ended.
        trap_exit: It wants to be told to shut down, not signalled.
        answers_sys: It answers system messages.
        counters: The counters of a worker; see `otpy.runtime.counters`.
        slot: The number of the counters.
        born: The `boot_time` from which on it can have started other processes.
        late: It is to be killed, since it was not ready in time.
        signs: By what it says that it is ready, if it says so itself.
        readiness: Waits until it is ready, if more than its init is needed for that.
        was_spare: It was forked ahead for this child.
        outdated: As a spare, it had imported code that has changed since; it ends.
        forced_exit: Why it was killed, if it was: a linked process ended, or it sent no message.
        killed_here: This process has sent it SIGKILL.
        stacks: Of one that hung.
        out_of_memory: The kernel's OOM killer has ended it.
        limits: At which it is replaced.
        recycled: Why it was asked to end, if it has reached one of them.
        checks: What looks at it while it runs; to be closed when it ends.
    """

    spec: ChildSpec
    incarnation: int
    path: str
    pid: int
    pidfd: Descriptor
    channel: MessageSocket
    output: ChildOutput | None = None
    counters: memoryview | None = None
    slot: int | None = None
    supervisors: dict[str, int] = field(default_factory=dict)
    initialized: bool = False
    ready: bool = False
    late: bool = False
    ignored: bool = False
    stop_requested: bool = False
    orderly: bool = False
    overdue: bool = False
    untouchable: bool = False
    reaped: bool = False
    trap_exit: bool = False
    answers_sys: bool = False
    was_spare: bool = False
    outdated: bool = False
    exiting: Exiting | None = None
    forced_exit: ExitReason | None = None
    killed_here: bool = False
    stacks: str = ""
    out_of_memory: bool = False
    limits: RecyclingLimits | None = None
    recycled: Recycled | None = None
    checks: list[Closable] = field(default_factory=list)
    timer: Timer | None = None
    signs: "Signs | None" = None
    readiness: "Readiness | None" = None
    started_at: float = field(default_factory=time.monotonic)
    born: float = field(default_factory=boot_time)

    @property
    def kind(self) -> str:
        """``supervisor``, ``worker`` or ``command``."""
        return kind_of(self.spec)

    @property
    def is_checked(self) -> bool:
        """Whether it has a key for which it is looked at while it runs."""
        spec = self.spec
        return not (self.limits is None and spec.watchdog is None and spec.health is None)

    @property
    def is_leaving(self) -> bool:
        """Whether it takes no new messages: it was told to stop, or has said that it ends."""
        return self.stop_requested or self.exiting is not None

    @property
    def is_supervisor(self) -> bool:
        """Whether there may be more processes below it."""
        return self.spec.is_supervisor

    def stop(self, *, for_good: bool) -> None:
        """Ask it to end: by a message if it reads messages, else by its stop signal.

        The signal goes to the program itself, or to its whole group if the tree says so.

        Args:
            for_good: It will not be restarted.
        """
        self.stop_requested = self.orderly = True
        if told := self.is_supervisor or self.trap_exit:
            budget = seconds_of(self.spec.shutdown)
            until = None if budget is None else time.monotonic() + budget
            self._send(ShutDown(until, for_good))
        if self.spec.stop_group:
            self._signal_group()
        elif not told and not send_signal(self.pidfd, self.stop_signal):
            name = self.stop_signal.name
            warn(f"{self.path}: {name} is not permitted: the program is another user's (set-uid)")
        # One that was stopped by SIGSTOP would neither read nor be signalled.
        send_signal(self.pidfd, signal.SIGCONT)

    def retire(self) -> None:
        """Ask a server to end after the messages that have arrived; it says when it begins to."""
        assert self.recycled is not None
        self._send(Retire(self.recycled))
        send_signal(self.pidfd, signal.SIGCONT)

    def pass_on(self, status: WaitStatus) -> None:
        """Signal the rest of its group, unless that is its own business or was done."""
        if not self.spec.stop_group and not self._handled_its_signal(status):
            self._signal_group()

    def _handled_its_signal(self, status: WaitStatus) -> bool:
        """Return whether the program handled its stop signal itself, and so sees to its group."""
        if self.trap_exit or status.signal or status.code == self._code_of_signal:
            return False
        return self.exiting is None or not isinstance(self.exiting.reason, Shutdown)

    def _signal_group(self) -> None:
        if not kill_group(self.pid, self.stop_signal):
            send_signal(self.pidfd, self.stop_signal)  # it has not made its group yet
        kill_group(self.pid, signal.SIGCONT)

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal that asks it to stop."""
        return stop_signal_of(self.spec)

    @property
    def _code_of_signal(self) -> int:
        """The exit status of a shell whose program the stop signal ended."""
        return 128 + self.stop_signal

    def kill_with(self, number: int) -> OtpyError | None:
        """Send it a signal that was asked for; return why that cannot be done."""
        if send_signal(self.pidfd, number):
            self.killed_here = self.killed_here or number == signal.SIGKILL
            return None
        why = "not permitted: its program is another user's (set-uid)"
        return OtpyError(f"{self.path}: {signal_name(number)} was not sent, since that is {why}")

    def kill(self) -> None:
        """SIGKILL its whole process group: at once, or since its budget is over."""
        self.overdue, self.orderly = self.orderly, False
        self.stop_requested = True
        self._kill()

    def _kill(self) -> None:
        # The rest of its group is ended once it has ended itself: see `Reaper`.
        self.killed_here = True
        self.untouchable = not send_signal(self.pidfd, signal.SIGKILL)

    def hangs(self, stacks: str) -> None:
        """Note the stacks of one that hangs, and log them."""
        self.stacks = stacks
        if stacks and self.output is not None:
            self.output.add(stacks)

    def halt(self) -> None:
        """End it now; a supervisor is told to do so with everything below it."""
        self.stop_requested, self.orderly = True, False
        if self.is_supervisor:
            self._send(HaltNow())
        else:
            self._kill()

    def deliver(self, notification: DownNotification | ExitNotification) -> None:
        """Deliver the notification of another process's end to it.

        What it is linked to takes it along unless it traps exits: at once, whatever it is doing,
        and with the same reason; only ``normal`` does nothing (Erlang reference manual,
        "Receiving Exit Signals"). One that is not up yet traps, since its choice is not known yet.
        """
        if isinstance(notification, DownNotification) or self.trap_exit or not self.initialized:
            self._send(notification)
        elif not isinstance(reason := reason_of(notification.reason), Normal):
            self.end_for(reason)

    def end_for(self, reason: ExitReason) -> None:
        """Kill it with SIGKILL; `reason` becomes its exit reason, unless an earlier one has."""
        self.forced_exit = self.forced_exit or reason
        self._kill()

    def abort(self) -> None:
        """Have a program that hangs dump its core, if it does that, and end."""
        self.forced_exit = self.forced_exit or Hung()
        send_signal(self.pidfd, signal.SIGABRT)
        send_signal(self.pidfd, signal.SIGCONT)

    def may_send_as(self, sender: Address) -> bool:
        """Return whether this child may send messages of `sender`: itself, or a process below."""
        if self.is_supervisor:
            return not self.path or sender.path.startswith(f"{self.path}/")
        if self.path == GATEWAY:  # it names itself without its incarnation
            return sender == (self.path, 0)
        return sender == (self.path, self.incarnation)

    def may_have(self, request: NodeRequest) -> bool:
        """Return whether it does not ask for sockets other than those of its spec."""
        operation = request.operation
        if self.is_supervisor or not isinstance(operation, GetSockets):
            return True  # the supervisor has looked at it
        return frozenset(operation.names) <= frozenset(sockets_asked_for(self.spec))

    def _send(self, message: object) -> None:
        try:
            self.channel.send(message)
        except SocketFull:
            # It has not read for thousands of messages: it will not read this one either.
            self.orderly = False
            self._kill()
        except SocketClosed:
            pass  # it has just ended, or ends once its budget is over

    def reason(self, status: WaitStatus) -> ExitReason:
        """Return its exit reason: by the signal, by its own message, or by the exit status."""
        reason = self._told(status)
        if reason is not self.forced_exit:
            reason = of_recycled(reason, self.recycled, overdue=self.overdue)
        return with_own_limit(reason, self.spec.surroundings.limits)

    def _told(self, status: WaitStatus) -> ExitReason:
        if self.forced_exit is not None and self._was_forced(status):
            return self.forced_exit
        if status.signal == "SIGKILL":
            return OutOfMemory() if self.out_of_memory else Killed()
        if status.signal and not self._is_cut_short(status):
            return Shutdown() if self._is_stopped_by(status.signal) else Signaled(status.signal)
        if self.exiting is not None:
            return self.exiting.reason
        return self._told_by_code(status)

    def may_be_out_of_memory(self, status: WaitStatus) -> bool:
        """Return whether SIGKILL has ended it, or what a shell has run for it, sent by nobody here.

        Whether it was the kernel's OOM killer, `OomKills` says.
        """
        if self.kind == "command" and status.code == _CODE_OF_SIGKILL:
            return not self.stop_requested
        return status.signal == "SIGKILL" and not self.killed_here

    def _told_by_code(self, status: WaitStatus) -> ExitReason:
        if self.out_of_memory:
            return OutOfMemory()
        if status.code == 0:
            return Shutdown() if self.stop_requested else Normal()
        if self.stop_requested and self.kind == "command" and status.code == self._code_of_signal:
            return Shutdown()
        return ExitStatus(status.code)

    def _was_forced(self, status: WaitStatus) -> bool:
        # One that hangs is sent SIGABRT first, which it may handle, and end in any way.
        return status.signal == "SIGKILL" or isinstance(self.forced_exit, Hung)

    def note(self, events: Iterable[Event]) -> None:
        """Note the supervisors below, for the case that this one dies."""
        for event in events:
            match event:
                case ChildStarting(path=path, kind="supervisor", pid=pid):
                    self.supervisors[path] = pid
                case ChildEnded(path=path, kind="supervisor"):
                    self.supervisors.pop(path, None)
                case _:
                    pass

    def _is_cut_short(self, status: WaitStatus) -> bool:
        """Return whether it had ended but for a finalizer that exceeded its limit."""
        return self.exiting is not None and status.signal == CUT_SHORT

    def _is_stopped_by(self, name: str) -> bool:
        """Return whether its stop signal ended it; any process may send that to a worker."""
        is_known_to_stop = self.stop_requested or (self.kind == "worker" and self.initialized)
        return is_known_to_stop and name == self.stop_signal.name

    def starting(self) -> ChildStarting:
        """Return the event that it was forked."""
        return ChildStarting(
            at=time.time(),
            path=self.path,
            kind=self.kind,
            pid=self.pid,
            incarnation=self.incarnation,
        )

    def started(self) -> ChildStarted:
        """Return the event that it is up."""
        return ChildStarted(
            at=time.time(),
            path=self.path,
            kind=self.kind,
            pid=self.pid,
            incarnation=self.incarnation,
            took=time.monotonic() - self.started_at,
        )

    def stopping(self) -> ChildStopping:
        """Return the event that it is told to stop."""
        return ChildStopping(
            at=time.time(), path=self.path, pid=self.pid, incarnation=self.incarnation
        )

    def post_mortem(
        self, reason: ExitReason, status: WaitStatus, output: str, at: float
    ) -> ChildEnded:
        """Write down how it ended, and when."""
        return ChildEnded(
            at=at,
            path=self.path,
            kind=self.kind,
            pid=self.pid,
            incarnation=self.incarnation,
            reason=str(reason),
            asked=self.stop_requested,
            overdue=self.overdue or self._is_cut_short(status),
            clean=is_clean(reason),
            traceback=reason.traceback if isinstance(reason, Raised) else "",
            message=self.exiting.message if self.exiting else "",
            output=output,
            messages=0 if self.counters is None else self.counters[TAKEN],
            **self._about_its_end(status),
        )

    def start_failure(
        self, reason: ExitReason, status: WaitStatus, output: str
    ) -> ChildStartFailed:
        """Write down how it ended before it was up."""
        return ChildStartFailed(
            at=time.time(),
            path=self.path,
            kind=self.kind,
            pid=self.pid,
            incarnation=self.incarnation,
            reason=str(reason),
            asked=self.stop_requested,
            traceback=reason.traceback if isinstance(reason, Raised) else "",
            waited_for=reason.waited_for if isinstance(reason, StartTimeout) else "",
            output=output,
            **self._about_its_end(status),
        )

    def _about_its_end(self, status: WaitStatus) -> dict[str, Any]:
        return {
            "signal": status.signal,
            "status": status.status if self.reaped else None,
            "core_dumped": status.core_dumped,
            "peak_memory": status.peak_memory,
            "stacks": self.stacks,
            "uptime": time.monotonic() - self.started_at,
        }

    def statistics(self) -> Statistics | None:
        """Read what it does; None if it is no worker that takes messages."""
        if self.counters is None or self.kind == "command":
            return None
        return Statistics(
            path=self.path,
            pid=self.pid,
            incarnation=self.incarnation,
            uptime=time.monotonic() - self.started_at,
            messages=self.counters[TAKEN],
            casts=self.counters[CASTS],
            infos=self.counters[INFOS],
            busy=busy_for(self.counters),
            queue=queued(self.counters),
            suspended=bool(self.counters[SUSPENDED]),
        )

    @property
    def load(self) -> int:
        """How many messages it has, the one in hand included."""
        if self.counters is None:
            return 0
        return queued(self.counters) + (busy_for(self.counters) is not None)

    def end_checks(self) -> None:
        """Look at it no more: it has ended, or is to."""
        while self.checks:
            self.checks.pop().close()

    def close(self) -> None:
        """Release everything that its supervisor holds for it."""
        self.end_checks()
        if self.timer is not None:
            self.timer.cancel()
        if self.readiness is not None:
            self.readiness.close()
        if self.signs is not None:
            self.signs.close()
        self.channel.close()
        self.pidfd.close()


def stop_signal_of(spec: ChildSpec) -> signal.Signals:
    """Return the signal that asks a child to stop."""
    return signal.Signals[f"SIG{spec.stop_signal}"]
