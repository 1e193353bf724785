"""A worker as a process: a GenServer, a function or a program that is not Python."""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final

from otpy.core.exits import ExitReason, ExitStatus, Normal, Raised, Shutdown, is_clean
from otpy.core.spec import DEFAULT_SHUTDOWN_S
from otpy.errors import OtpyError
from otpy.runtime.exit_reasons import raised
from otpy.runtime.worker.gen_server import NeedsLoop, NotNeeded, Serving, ending
from otpy.runtime.worker.log_hook import prepare_logging, print_records
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.runtime.worker.peers import Peers
from otpy.runtime.worker.stop_requests import ShutdownRequested
from otpy.runtime.worker.stop_signals import StopSignals, after_fork, before_fork
from otpy.runtime.worker.task import TaskServer
from otpy.server import context
from otpy.server.callbacks import is_async
from otpy.server.contract import check_start, make
from otpy.server.functions import resolve
from otpy.server.genserver import GenServer
from otpy.server.registry import register_name
from otpy.system.descriptor import Descriptor, close_all, leave_to_kernel
from otpy.system.marks import mark_process
from otpy.system.proctitle import name_process
from otpy.system.python_end import end_within, finish
from otpy.system.spawn import become_child, become_worker, exec_command
from otpy.system.std_streams import complain
from otpy.wire.control import Address, Assignment, Exiting, IgnoreStart, Prepare, Ready

if TYPE_CHECKING:
    from otpy.runtime.worker.event_loop import EventLoop

_TERMINATE: Final = 15
"""SIGTERM, without the enums of the module `signal`."""

_LAST_ANSWERS_S: Final = 1.0
"""Seconds that a worker that ends waits for callers that have not read its last answers."""

_AFTER_CRASH_S: Final = 1.0
"""Seconds that tasks and threads of a worker that crashed may run before it is replaced."""

_SPARE: Final = 0.2
_SPARE_S: Final = 0.5
"""The part of its budget, and the most seconds of it, that a worker keeps to end by itself."""


_READY: Final = {trap_exit: Ready(trap_exit=trap_exit) for trap_exit in (False, True)}
"""Made before a worker is forked."""

_watches_forks: Final[list[bool]] = []


def watch_forks() -> None:
    """Mark what a worker forks as no worker, and prepare what workers log.

    Done once, in the node: each worker would write to pages that they can share.
    """
    if not _watches_forks:
        _watches_forks.append(True)
        os.register_at_fork(after_in_child=context.leave)
        prepare_logging()


def run_forked(
    ends: tuple[Descriptor, ...],
    counters: memoryview,
    kept: tuple[int, ...],
    supervisor: int,
    order: Assignment | Prepare | None = None,
) -> int:
    """Run a worker, in the process just forked; return its exit status.

    Args:
        ends: Its ends of the pipe to its supervisor, and of those for its stdout and stderr.
        counters: Its counters, which the supervisor reads.
        kept: Descriptors that stay open.
        supervisor: Its pid.
        order: What it is to be, or to prepare to be, if it was forked for that; else it waits for
            that message.
    """
    control, *output = ends
    become_child("otpy: worker", (control.fileno(), *kept), output)
    # Not in the node, which would write to other pages of its own between the forks of any two.
    os.register_at_fork(before=before_fork, after_in_parent=after_fork)
    mailbox = WorkerMailbox(control, counters)
    began_as = mailbox.order(order)
    # Not before: of one that a fork server has forked, another was the parent at first.
    become_worker(supervisor)
    if is_spare := isinstance(began_as, Prepare):
        # Not above: what only a spare needs, other workers do without.
        from otpy.runtime.worker.spare import run_spare  # noqa: PLC0415

        child = run_spare(began_as.child, mailbox, supervisor)
    else:
        assert isinstance(began_as, Assignment)
        child = began_as
    mark_process(os.getpid(), child.incarnation)
    name_process(f"otpy: {child.path}")
    if child.inherits_output:
        mailbox.await_output()
        print_records()
    status = run_worker(child, mailbox, supervisor, is_prepared=is_spare)
    _finish(child, mailbox, crashed=bool(status))
    return status


def _finish(child: Assignment, mailbox: WorkerMailbox, *, crashed: bool) -> None:
    """Do what Python does at its end; one that was not asked to end has a limit of its own."""
    if mailbox.stop_signals.received:
        _limit(child)
    elif mailbox.shutdown is None:
        end_within(_seconds_left(child, mailbox, crashed=crashed) or DEFAULT_SHUTDOWN_S)
    leave_to_kernel()
    mailbox.sys_messages.forget_server()
    finish(asked=mailbox.shutdown is not None or mailbox.stop_signals.received)


def _enter(child: Assignment, mailbox: WorkerMailbox) -> context.Context:
    """Set the context of what runs in this process."""
    own = context.Context(
        child.path,
        child.incarnation,
        mailbox,
        lambda: Peers(Address(child.path, child.incarnation), mailbox),
    )
    context.enter(own)
    return own


def run_worker(
    child: Assignment, mailbox: WorkerMailbox, supervisor: int, *, is_prepared: bool = False
) -> int:
    """Run `child` from its start to its end; return the exit status.

    Args:
        child: What it is.
        mailbox: Its mailbox.
        supervisor: The pid of its supervisor.
        is_prepared: Its surroundings were entered as it was a spare.
    """
    own = _enter(child, mailbox)
    loops: list[EventLoop] = []
    try:
        _enter_surroundings(child, supervisor, is_prepared=is_prepared)
        taken = _take_sockets(child, mailbox) if child.sockets else ()
        if child.argv:
            _execute(child, mailbox, taken)
        sys.argv = [child.path]
        if child.max_messages is not None:
            # As below.
            from otpy.runtime.worker.message_limit import limit_messages  # noqa: PLC0415

            limit_messages(mailbox, *child.max_messages)
        if child.name:
            register_name(child.name)  # before init, as gen_server does
        target = resolve(child.target)
        if isinstance(target, type) and issubclass(target, GenServer):
            reason, in_hand = _serve(target, child, own, mailbox, loops)
        else:
            reason, in_hand = _call(target, child, own, mailbox, loops), ""
    except NotNeeded:
        mailbox.send_to_supervisor(IgnoreStart())
        status = 0
    except BaseException as error:  # noqa: BLE001  # whatever it was, the supervisor is told
        status = _send_end(mailbox, raised(error), "")
    else:
        status = _send_end(mailbox, reason, in_hand)
    for loop in loops:
        loop.watch(mailbox.control.fileno(), mailbox.control.read)
        loop.close(_seconds_left(child, mailbox, crashed=bool(status)), status)
    return status


def _enter_surroundings(child: Assignment, supervisor: int, *, is_prepared: bool) -> None:
    if child.surroundings is not None and not is_prepared:
        # Not above: it is on pages that workers without such keys do without.
        from otpy.runtime.worker import surroundings  # noqa: PLC0415

        surroundings.enter_surroundings(child.surroundings, supervisor)
        if not child.argv:
            surroundings.warn_of_unreadable_modules(child.surroundings)
    if child.notify:
        os.environ["NOTIFY_SOCKET"] = child.notify
    if child.watchdog is not None:
        os.environ["WATCHDOG_USEC"] = str(round(child.watchdog * 1_000_000))
        os.environ["WATCHDOG_PID"] = str(os.getpid())


def _take_sockets(child: Assignment, mailbox: WorkerMailbox) -> Sequence[Descriptor]:
    """Return the sockets that a program is to have; Python has them in `otpy.sockets`."""
    # Not above: those that have none do without it.
    from otpy.runtime.worker import sockets  # noqa: PLC0415

    me = Address(child.path, child.incarnation)
    taken = sockets.take_sockets(child.sockets, me, mailbox)
    if child.argv:
        return taken
    sockets.hand_to_python(child.sockets, taken)
    return ()


def _execute(child: Assignment, mailbox: WorkerMailbox, taken: Sequence[Descriptor]) -> None:
    passed: dict[int, Descriptor] = {}
    if taken:
        from otpy.runtime.worker.sockets import numbered  # noqa: PLC0415 - as above

        passed = numbered(child.sockets, taken)
    if child.fd is not None:
        passed[child.fd] = mailbox.given()
    try:
        exec_command(child.argv, passed)
    finally:
        close_all(taken)  # it could not be executed


def _send_end(mailbox: WorkerMailbox, reason: ExitReason, in_hand: str) -> int:
    """Send every caller the reason of the end, before any wait; return the exit status."""
    trace = reason.traceback if isinstance(reason, Raised) else ""
    said = f"{reason.detail}\n" if isinstance(reason, ExitStatus) and reason.detail else trace
    for step in (
        partial(mailbox.notify_exit, str(reason), trace),
        partial(mailbox.send_to_supervisor, Exiting(reason, in_hand)),
        partial(complain, said),
        partial(mailbox.flush, _LAST_ANSWERS_S),
    ):
        # None of them fails by itself, but a signal handler of the user's may raise in any.
        with contextlib.suppress(BaseException):
            step()
    return 0 if is_clean(reason) else 1


def _seconds_left(child: Assignment, mailbox: WorkerMailbox, *, crashed: bool) -> float | None:
    """Return how long what is left of an event loop may take; None for as long as it likes."""
    if (order := mailbox.shutdown) is not None:
        if order.until is None:
            return None
        spare = min(_SPARE_S, _SPARE * (child.shutdown or 0.0))
        return max(0.0, order.until - time.monotonic() - spare)
    most = _AFTER_CRASH_S if crashed else DEFAULT_SHUTDOWN_S
    return most if child.shutdown is None else min(most, child.shutdown)


def _serve(
    target: type[GenServer],
    child: Assignment,
    own: context.Context,
    mailbox: WorkerMailbox,
    loops: "list[EventLoop]",
) -> tuple[ExitReason, str]:
    server = make(target, child.args, child.kwargs)
    server.name, server.instance = child.path, child.instance
    own.trap_exit = server.trap_exit
    try:
        serving = _serving_for(server, child, own, mailbox, loops)
    except OtpyError as error:
        return raised(error), ""
    try:
        try:
            failed = serving.init(child.args, child.kwargs)
        except NeedsLoop as found:
            serving = _on_a_loop(serving, found, loops)
            failed = serving.init(child.args, child.kwargs)
    except NotNeeded:
        raise
    except BaseException as error:  # noqa: BLE001  # it may have secrets in it
        return serving.report(ending(error))
    if failed is not None:
        return failed, ""
    own.starting = False
    if not isinstance(server, TaskServer):
        if not server.trap_exit:
            mailbox.stop_signals.in_place = partial(_end_at_once, child, mailbox.stop_signals)
        mailbox.stop_signals.handle((_TERMINATE, child.stop_signal))
    mailbox.send_to_supervisor(_READY[bool(server.trap_exit)])
    try:
        reason = serving.serve()
    except NeedsLoop as found:
        serving = _on_a_loop(serving, found, loops)
        reason = serving.serve()
    return serving.report(reason)


def _limit(child: Assignment) -> None:
    """Limit the end of one that a signal has stopped, from outside perhaps, by its budget."""
    if child.shutdown is not None:
        end_within(child.shutdown or DEFAULT_SHUTDOWN_S)


def _end_at_once(child: Assignment, signals: StopSignals) -> None:
    """End a server that does not trap exits where it is, but for what Python does at its end."""
    _limit(child)
    leave_to_kernel()
    finish(asked=True)
    signals.end_by_signal()


def _on_a_loop(serving: Serving, found: NeedsLoop, loops: "list[EventLoop]") -> Serving:
    from otpy.runtime.worker.async_gen_server import AsyncServing  # noqa: PLC0415  # as below

    kind: type[AsyncServing] = AsyncServing
    if type(serving) is not Serving:
        from otpy.runtime.worker.durable.async_serving import (  # noqa: PLC0415  # as below
            DurableAsyncServing,
        )

        kind = DurableAsyncServing
    served = kind.after(serving, found.coroutine)
    loops.append(served.loop)
    return served


def _serving_for(
    server: GenServer,
    child: Assignment,
    own: context.Context,
    mailbox: WorkerMailbox,
    loops: "list[EventLoop]",
) -> Serving:
    if child.durable or getattr(server, "durable", None):
        # Not above: only a durable server pays for a database.
        from otpy.runtime.worker.durable.start import durable_serving  # noqa: PLC0415

        if (durable := durable_serving(server, child, own, mailbox, loops)) is not None:
            return durable
    if not is_async(type(server)):
        return Serving(server, mailbox)
    # Not above: asyncio is on many pages that other workers do without.
    from otpy.runtime.worker.async_gen_server import AsyncServing  # noqa: PLC0415

    serving = AsyncServing(server, mailbox)
    loops.append(serving.loop)
    return serving


def _call(
    target: Any,
    child: Assignment,
    own: context.Context,
    mailbox: WorkerMailbox,
    loops: "list[EventLoop]",
) -> ExitReason:
    if not callable(target) or isinstance(target, type):
        raise TypeError(f"{child.target} is neither a GenServer nor a function")
    check_start(target, child.args, child.kwargs)
    if child.durable not in (None, "off"):
        raise TypeError(f"{child.target} is a function; only a GenServer can be durable")
    own.starting = False
    signals = mailbox.stop_signals
    signals.raise_in_place()
    try:
        signals.handle((_TERMINATE, child.stop_signal))
        mailbox.send_to_supervisor(Ready(trap_exit=False, answers_sys=False))
        result = target(*child.args, **child.kwargs)
        if iscoroutine(result):
            from otpy.runtime.worker.event_loop import EventLoop  # noqa: PLC0415  # as above

            loops.append(EventLoop())
            _run(loops[0], result, signals)
    except ShutdownRequested as order:
        return order.reason
    finally:
        signals.disarm()
    return Shutdown() if signals.received else Normal()


def _run(loop: "EventLoop", coroutine: Any, signals: StopSignals) -> None:
    """Run a function's coroutine; a stop signal cancels it, as Ctrl-C does in `asyncio.run`."""
    if signals.fileno() >= 0:  # else the user's code handles them
        signals.in_place = loop.cancel_soon
        loop.watch(signals.fileno(), signals.drain)
    try:
        loop.run(coroutine)
    except BaseException as error:
        # Not by name, since that would import asyncio.
        if not signals.received or type(error).__name__ != "CancelledError":
            raise
