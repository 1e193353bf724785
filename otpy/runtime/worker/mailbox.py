"""A worker's mailbox: the pipe to its supervisor, the links to its clients, its timers.

It reads no further while messages wait, so that a flood stays in the pipes and blocks its
senders; and it looks at the supervisor's pipe between messages, so that control overtakes.
"""

import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from otpy.core.exits import ExitReason, Recycled
from otpy.errors import NoProcess, NotSendable, OtpyError, ProtocolError
from otpy.runtime.counters import (
    ARRIVED,
    BUSY_SINCE,
    CASTS,
    INFOS,
    SIGN_OF_LIFE,
    TAKEN,
    private_counters,
)
from otpy.runtime.worker.connections import (
    READ_BYTES,
    Cast,
    IncomingLink,
    Info,
    LinkCall,
    flush_blocked,
)
from otpy.runtime.worker.handoff import HandoffAcceptor
from otpy.runtime.worker.peer_connections import PeerLink
from otpy.runtime.worker.receive import as_received, check_delay, check_timer, check_wait
from otpy.runtime.worker.stop_requests import ShutdownRequested, StopMarker, StopRequested
from otpy.runtime.worker.stop_signals import StopSignals
from otpy.runtime.worker.supervisor_channel import Control, public_notification
from otpy.runtime.worker.sys_messages import SysMessages
from otpy.runtime.worker.timers import Timers
from otpy.server.timer import TimerRef
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.pipes import unread_bytes
from otpy.wire import link as wire_link
from otpy.wire.control import (
    Address,
    Announced,
    Ask,
    Assignment,
    Become,
    DownNotification,
    ExitNotification,
    OpenLink,
    OwnOutput,
    Prepare,
    Respecified,
    Retire,
    Retiring,
    ShutDown,
    StandBy,
    StopProcess,
    TakeDescriptor,
)
from otpy.wire.frames import MAX_FRAME
from otpy.wire.peer import Unreadable

if TYPE_CHECKING:
    from otpy.runtime.worker.answer_gate import AnswerGate

_CONTROL_EVERY_NS: Final = 1_000_000
_FDS_OF_A_LINK: Final = 2
_now: Final = time.monotonic_ns

Message: TypeAlias = LinkCall | Cast | Info

Order: TypeAlias = Assignment | Prepare | StandBy
"""What a process is to be, or to prepare to be."""


class WorkerMailbox:
    """Everything that a worker waits for.

    Args:
        control: The worker's end of the pipe to its supervisor.
        counters: Where the supervisor sees what the worker does; see `otpy.runtime.counters`.

    Attributes:
        sys_messages: The system messages of the worker.
        gate: What holds what a durable server sends until its state is stored.
        on_ready: Called when `next` may find something though its descriptor tells nothing: it was
            put there by a wait outside of `next`, on an event loop.
    """

    def __init__(self, control: Descriptor, counters: memoryview) -> None:
        self._control_fd = control.fileno()
        self.control = Control(control, self._received)
        self._counters, self._taken = counters, 0
        self._order: Order | None = None
        self._child: Assignment | None = None
        self._given: tuple[Descriptor, ...] = ()
        self._has_output = False
        self._respecified: Respecified | None = None
        self._stop_request: ShutDown | StopProcess | Retire | None = None
        self._epoll = select.epoll()
        self._epoll.register(self._control_fd, select.EPOLLIN)
        self._control_poll: select.poll | None = None
        self._links: dict[int, IncomingLink] = {}
        self._blocked: dict[int, IncomingLink] = {}
        self._acceptor = HandoffAcceptor(self._epoll, self._accept_link)
        self._ready: deque[Message | StopMarker] = deque()
        self._notifications: deque[DownNotification | ExitNotification] = deque()
        self._heap: list[tuple[float, int, TimerRef]] = []
        self._made_timers: Timers | None = None
        self.on_ready: Callable[[], None] | None = None
        self.gate: AnswerGate | None = None
        self._deserted: Callable[[], object] | None = None
        self._control_pending, self._looked_at = False, 0
        self._down: tuple[object, ...] | None = None
        self.sys_messages = SysMessages(self.control, self._epoll, counters, self._links)
        self.stop_signals = StopSignals(self._epoll, self._stop_by_signal)

    @property
    def shutdown(self) -> ShutDown | None:
        """The supervisor's order to end; None if there is none."""
        return self._stop_request if isinstance(self._stop_request, ShutDown) else None

    def order(self, known: Order | None = None) -> Order:
        """Return which child this process is to be, or to prepare to be.

        Args:
            known: That, if it is known; else its message is waited for.
        """
        self._order = None
        if known is not None:
            self._take_order(known)
        while self._order is None:
            self._epoll.poll()
            self.control.read()
        self._counters[BUSY_SINCE] = time.monotonic_ns()
        return self._order

    def await_output(self) -> None:
        """Wait until stdout and stderr of this process are the node's own."""
        while not self._has_output:
            self._epoll.poll()
            self.control.read()

    def given(self) -> Descriptor:
        """Wait for the descriptor that the supervisor has for the program of this child."""
        while not self._given:
            self._epoll.poll()
            self.control.read()
        return self._given[0]

    @property
    def _timers(self) -> Timers:
        # Many a worker never has one. If two threads make it at once, the heap is one all the same.
        self._made_timers = self._made_timers or Timers(self._heap)
        return self._made_timers

    def read_more(self) -> bool:
        """Read what has arrived meanwhile, without a wait; return whether there are messages.

        Raises:
            ShutdownRequested: The worker is to end.
        """
        self._wait(0.0)
        return bool(self._ready)

    @property
    def waiting(self) -> Collection[object]:
        """The messages that were read: if there are some, `next` returns without a wait."""
        return self._ready

    def hold_by(self, gate: "AnswerGate") -> None:
        """Have a gate hold every answer from now on."""
        self.gate = gate
        for link in tuple(self._links.values()):
            link.gate = gate

    def send_after(self, seconds: float, message: object, *, durable: bool = False) -> TimerRef:
        """Put `message` into this mailbox after `seconds`, or into its successor's."""
        check_delay(seconds)
        if durable:
            if self.gate is None:
                raise OtpyError("a timer can only be durable in a server that is")
            return self.gate.start_timer(seconds, message)
        timer = self._timers.start(time.monotonic() + seconds, Info(message))
        self._something_comes()
        return timer

    def cancel_timer(self, timer: TimerRef) -> float | None:
        """Cancel a timer; return the seconds that were left, None if its message was handed out."""
        check_timer(timer)
        if self.gate is not None:
            self.gate.took(timer.message)
        if self._timers.cancel(timer):
            return max(0.0, timer.due - time.monotonic())
        with contextlib.suppress(ValueError):  # it was handed out
            self._ready.remove(timer.message)
            self._count()
            return 0.0
        return None

    def receive(self, timeout: float | None) -> object:
        """Return the next message, as a function worker sees it; raises TimeoutError."""
        check_wait(timeout)
        message = self.next(timeout)
        if message is None:
            self.is_at_work()
        return as_received(message, timeout)

    def next(self, timeout: float | None = None) -> Message | None:
        """Return the next message; None after `timeout` seconds without one.

        Raises:
            ShutdownRequested: The worker is to end: its supervisor or another process asked it to.
        """
        # All messages come this way: few steps for each.
        if self._control_pending:
            self._handle_control()
        ready = self._ready
        if timeout is not None or self._heap:
            if not self._comes_within(timeout):
                return None
            now = _now()
        elif ready:
            now = _now()
            if now - self._looked_at > _CONTROL_EVERY_NS:
                self._look_at_control(now)  # else the wait does
        else:
            self._counters[BUSY_SINCE] = 0
            while not ready:  # meanwhile, another thread may set a timer
                self._comes_within(None) if self._heap else self._wait(-1.0)
            now = _now()
        message = ready.popleft()
        if type(message) is StopMarker:
            self._stop(message.reason)
        if self.sys_messages.tracing is not None:
            self.sys_messages.tracing.received(message)
        self._taken = taken = self._taken + 1
        counters = self._counters
        counters[TAKEN] = taken
        if type(message) is not LinkCall:
            counters[CASTS if type(message) is Cast else INFOS] += 1
        counters[BUSY_SINCE] = now
        return message

    def _stop(self, reason: ExitReason) -> NoReturn:
        if type(reason) is Recycled:
            self.send_to_supervisor(Retiring(reason))
        raise StopRequested(reason)

    def _comes_within(self, timeout: float | None) -> bool:
        """Wait for a message, and for timers; False after `timeout` seconds without one."""
        if self._ready or self._heap:
            self._look_at_control(_now())
        deadline, served = None, -1
        while True:
            if timeout is not None and served != self.sys_messages.served:
                deadline, served = time.monotonic() + timeout, self.sys_messages.served
            if self._heap:
                self._ready.extend(self._timers.take_due(time.monotonic()))
                self._count()
            if self._ready:
                return True
            self._counters[BUSY_SINCE] = 0
            if deadline is not None and time.monotonic() >= deadline:
                self._wait(0.0)
                return bool(self._ready)
            self._wait(self.seconds_until(deadline))

    def fileno(self) -> int:
        """Return the descriptor that is readable when `next` may find something."""
        return self._epoll.fileno()

    def seconds_until(self, deadline: float | None) -> float:
        """Return the seconds until `deadline` or the next timer; below zero if there is neither."""
        return self._timers.seconds_until(deadline, time.monotonic())

    def put(self, message: Cast | Info) -> None:
        """Put a message of this process's own into its mailbox."""
        self._ready.append(message)
        self._count()
        self._something_comes()

    def give_sign_of_life(self) -> None:
        """Begin the time of the watchdog anew."""
        self._counters[SIGN_OF_LIFE] = _now()

    def announce(self) -> None:
        """Tell the supervisor that this process is ready."""
        self.send_to_supervisor(Announced())

    def when_deserted(self, do: Callable[[], object]) -> None:
        """Call `do` whenever the last process that had a link to this one has hung up."""
        self._deserted = do

    def drop(self, unwanted: Callable[[object], bool]) -> None:
        """Remove the unwanted of the messages that wait to be handled."""
        for notification in [
            notification
            for notification in tuple(self._notifications)
            if unwanted(public_notification(notification))
        ]:
            self._notifications.remove(notification)
        for message in tuple(self._ready):
            if isinstance(message, Info) and unwanted(message.message):
                self._ready.remove(message)
        self._count()

    def reply(self, link: int, number: int, value: object) -> None:
        """Answer a call that came on a link; its caller may have gone."""
        for each in tuple(self._links.values()):
            if each.id != link:
                continue
            once = None if self.gate is None else self.gate.unanswered(each, number)
            call = once or LinkCall(number, None, each)
            if type(value) is Unreadable:
                call.refuse(NotSendable(f"the reply: {value.error}"))
            else:
                call.reply(value)

    def flush(self, seconds: float | None = None) -> None:
        """Wait until every answered caller has read it, or has gone, or so many seconds."""
        deadline = None if seconds is None else time.monotonic() + seconds
        for link in tuple(self._links.values()):
            link.outgoing.settle(deadline)
        flush_blocked(self._blocked, deadline)

    def timed_out(self) -> Info:
        """Return the message of a server's timeout, which is being handled now."""
        self.is_at_work()
        return Info("timeout")

    def is_at_work(self) -> None:
        """Show that the worker is at work, though it has taken no message."""
        self._counters[BUSY_SINCE] = _now()

    def notify_exit(self, reason: str, traceback: str) -> None:
        """Send every client, and those that come later, why the worker ends."""
        self._acceptor.accept_all()
        self._acceptor.close()  # a client that comes now is to ask the supervisor
        self._down = (wire_link.DOWN, reason, traceback)
        for link in tuple(self._links.values()):
            link.send(self._down)

    def send_to_supervisor(self, message: object) -> None:
        """Send the supervisor something that it waits for, if it is still there."""
        try:  # noqa: SIM105  # `suppress` is on pages that every worker would write to
            self.control.send(message)
        except NoProcess:
            pass

    def close_all(self) -> None:
        """Close every link and the supervisor's pipe: this is a process that the worker forked.

        Held open there, they would hide the worker's death from a reader that waits for
        end-of-file.
        """
        self._counters = private_counters()
        self.stop_signals.reset()
        self._epoll.close()
        for link in self._links.values():
            link.close()
        self._acceptor.close()
        self.sys_messages.close()
        self.control.close()

    def _look_at_control(self, now: int) -> None:
        """Serve the supervisor, if a while has passed since it was last looked at."""
        if now - self._looked_at > _CONTROL_EVERY_NS:
            self._looked_at = now
            if self._control_poll is None:  # a worker that was never busy has none
                self._control_poll = select.poll()
                self._control_poll.register(self.control, select.POLLIN)
            if self._control_poll.poll(0):
                self.control.read()
            if self._control_pending:
                self._handle_control()

    def _wait(self, seconds: float) -> None:
        links, ready = self._links, self._ready
        for fd, _ in self._epoll.poll(seconds):
            if (link := links.get(fd)) is not None:
                self._read(link)
            elif (link := self._blocked.get(fd)) is not None:
                link.flush()
            elif fd == self._control_fd:
                self.control.read()
            elif fd in self._acceptor:
                self._acceptor.accept(fd)
            elif fd == self.stop_signals.fileno():
                self.stop_signals.drain()
            else:
                self.sys_messages.handle(fd)
        if len(ready) > 1:  # else it is taken at once
            self._count()
        if self._control_pending:
            self._handle_control()

    def _count(self) -> None:
        """Show how many messages have arrived."""
        self._counters[ARRIVED] = self._taken + len(self._ready)

    def _handle_control(self) -> None:
        """Do what does not wait for messages; while suspended, do nothing else."""
        while self._control_pending:
            self._control_pending = False
            while self._notifications:
                self._enqueue(self._notifications.popleft())
            self.sys_messages.serve()
            if self._respecified is not None:
                self._respecify(self._respecified)
            if self._stop_request is not None:
                self._apply_stop(self._stop_request)
            if self.sys_messages.suspended:
                self.sys_messages.wait_while_suspended(self.stop_signals)
                self._control_pending = True

    def _received(self, message: object, fds: tuple[Descriptor, ...]) -> None:
        match message:
            case Assignment() | Prepare() | StandBy() | Become():
                self._take_order(message)
            case TakeDescriptor() | OwnOutput() | Respecified():
                self._take(message, fds)
            case ShutDown() | StopProcess() | Retire():
                if not isinstance(self._stop_request, ShutDown):
                    self._stop_request = message
                self._wake()
            case Ask():
                self.sys_messages.ask(message, fds)
                self._wake()
            case OpenLink() if len(fds) >= _FDS_OF_A_LINK:
                self._accept_link(fds[0], fds[1], True, message.peer)
                for handoff in fds[_FDS_OF_A_LINK:]:
                    self._acceptor.add(handoff)
            case DownNotification() | ExitNotification():
                self._notifications.append(message)
                self._wake()
            case _:
                close_all(fds)

    def _take_order(self, message: Order | Become) -> None:
        # Which child this is is set at once: a message behind this one may need it.
        if isinstance(message, Become):
            assert self._child is not None
            message = message.made_of(self._child)
        self._order = message
        if not isinstance(message, StandBy):
            self._child = message.child if isinstance(message, Prepare) else message

    def _take(
        self, message: TakeDescriptor | OwnOutput | Respecified, fds: tuple[Descriptor, ...]
    ) -> None:
        """Take what the child is to have: for the program, or in place of stdout and stderr."""
        if isinstance(message, Respecified):
            self._respecified = message
            self._wake()
            return
        if isinstance(message, TakeDescriptor):
            self._given = fds
            return
        for number, fd in enumerate(fds, 1):
            os.dup2(fd.fileno(), number)
        close_all(fds)
        self._has_output = True

    def _respecify(self, new: Respecified) -> None:
        self._respecified = None
        from otpy.runtime.worker.log_hook import set_log_level  # noqa: PLC0415 - hardly ever

        set_log_level(new.log_level)
        self.stop_signals.handle((new.stop_signal,))

    def _stop_by_signal(self) -> None:
        """Stop as if the supervisor had asked; called from a signal handler."""
        self._stop_request = ShutDown()
        self._control_pending = True

    def _apply_stop(self, request: ShutDown | StopProcess | Retire) -> None:
        if isinstance(request, ShutDown):
            self._control_pending = True
            raise ShutdownRequested
        if self.sys_messages.suspended and isinstance(request, StopProcess):
            raise StopRequested(request.reason)
        # What the caller has sent before is in the pipes by now, and comes first.
        self._stop_request = None
        self._acceptor.accept_all()
        for link in tuple(self._links.values()):
            for _ in range(-(-unread_bytes(link.read) // READ_BYTES)):
                if link.open and link.write not in self._blocked:
                    self._read(link)
        self.stop_after_read(request.reason)

    def stop_after_read(self, reason: ExitReason) -> None:
        """Stop with `reason` after the messages that were read: callers send others again."""
        self._ready.append(StopMarker(reason))

    def _wake(self) -> None:
        """Wake the main thread for a control message, whichever thread read it."""
        self._control_pending = True
        self._something_comes()

    def _something_comes(self) -> None:
        """End the wait for messages: what `next` may find now did not come by a descriptor."""
        if not self.sys_messages.wake() and self.on_ready is not None:
            self.on_ready()

    def _accept_link(
        self, read: Descriptor, write: Descriptor, send_hello: bool, peer: Address | None = None
    ) -> None:
        assert self._child is not None
        block = self._block
        link = (
            IncomingLink(read, write, block) if peer is None else PeerLink(read, write, block, peer)
        )
        link.gate = self.gate
        if self.sys_messages.tracing is not None:
            link.sent = self.sys_messages.tracing.sent
        self._links[link.read] = link
        self._epoll.register(link.read, select.EPOLLIN)
        if send_hello:
            link.send((wire_link.HELLO, wire_link.VERSION, self._child.incarnation, MAX_FRAME))
        if self._down is not None:
            link.send(self._down)

    def _enqueue(self, notification: DownNotification | ExitNotification) -> None:
        """Put the notification of a process's end behind what it sent before."""
        for link in tuple(self._links.values()):
            while link.peer == notification.address and link.open and unread_bytes(link.read):
                self._read(link)
        self._ready.append(Info(public_notification(notification)))
        self._count()

    def _read(self, link: IncomingLink) -> None:
        try:
            if not link.receive(self._ready):
                self._forget(link)
                if self._deserted is not None and not self._links:
                    self._deserted()
        except ProtocolError as error:
            # Only this client is at fault: it is told why, and dropped.
            link.send((wire_link.DOWN, f"protocol error: {error}", ""))
            self._forget(link)

    def _block(self, link: IncomingLink, blocked: bool) -> None:
        """Read no more of a client's requests until it has read its answers."""
        if blocked:
            self._blocked[link.write] = link
            with contextlib.suppress(FileExistsError):  # interrupted, and told once more
                self._epoll.register(link.write, select.EPOLLOUT)
            self._epoll.modify(link.read, 0)
        elif self._blocked.pop(link.write, None) is not None:
            self._epoll.unregister(link.write)
            self._epoll.modify(link.read, select.EPOLLIN)

    def _forget(self, link: IncomingLink) -> None:
        turn = link.outgoing.lock
        turn.acquire(None)  # another thread may be about to answer there
        try:
            self._block(link, False)
            del self._links[link.read]
            self._epoll.unregister(link.read)
            link.close()
        finally:
            turn.release()
