"""A worker as a process: a GenServer, a function or a program that is not Python."""

import os
import sys
from functools import partial
from inspect import iscoroutine
from typing import Any, Final

from otpy.core.exits import ExitReason, Normal, Raised, is_clean
from otpy.runtime.mailbox import WorkerMailbox
from otpy.runtime.orders import ShutDownAsked, StopAsked
from otpy.runtime.peers import Peers
from otpy.runtime.pipes import Pipes
from otpy.runtime.serving import NeedsLoop, NotNeeded, Serving, raised
from otpy.server import GenServer, context, register_name
from otpy.server.callbacks import is_async
from otpy.server.functions import resolve
from otpy.system.marks import mark_process
from otpy.system.spawn import become_child, become_worker, exec_command
from otpy.system.title import name_process
from otpy.wire.control import Address, BeWorker, IgnoreStart, LastWord, Ready

_LAST_ANSWERS_S: Final = 1.0
"""How long a worker that ends waits for those that have not read its last answers."""


def be_blank(
    pipes: Pipes,
    gauge: memoryview,
    kept: tuple[int, ...],
    supervisor: int,
) -> int:
    """Be a worker, in the process just forked; tell its exit status.

    Args:
        pipes: To the supervisor.
        gauge: Where it shows the supervisor what it does.
        kept: Descriptors that stay open.
        supervisor: Its pid.
    """
    assert pipes.their_output is not None
    become_child("otpy: worker", (pipes.their_control.fileno(), *kept), pipes.their_output)
    become_worker(supervisor)
    mailbox = WorkerMailbox(pipes.their_control, gauge)
    child = mailbox.assigned()
    mark_process(os.getpid(), child.incarnation)
    name_process(f"otpy: {child.path}")
    enter(child, mailbox)
    os.register_at_fork(after_in_child=context.leave)
    return be_child(child, mailbox)


def enter(child: BeWorker, mailbox: WorkerMailbox) -> None:
    """Have what runs in this process know who it is."""
    peers = partial(Peers, Address(child.path, child.incarnation), mailbox)
    context.enter(context.Context(child.path, child.incarnation, mailbox, peers))


def be_child(child: BeWorker, mailbox: WorkerMailbox) -> int:
    """Be `child` from its first moment to its last; tell the exit status."""
    in_hand = ""
    try:
        if child.argv:
            exec_command(child.argv)
        if child.name:
            register_name(child.name)  # before init, as gen_server does
        target = resolve(child.target)
        if isinstance(target, type) and issubclass(target, GenServer):
            reason, in_hand = _serve(target, child, mailbox)
        else:
            reason = _call(target, child, mailbox)
    except NotNeeded:
        mailbox.tell_supervisor(IgnoreStart())
        return 0
    except BaseException as error:  # noqa: BLE001  # whatever it was, the supervisor is told
        reason = raised(error)
    if isinstance(reason, Raised):
        sys.stderr.write(reason.traceback)
    mailbox.last_words(str(reason), reason.traceback if isinstance(reason, Raised) else "")
    mailbox.tell_supervisor(LastWord(reason, in_hand))
    mailbox.flush(_LAST_ANSWERS_S)
    return 0 if is_clean(reason) else 1


def _serve(
    target: type[GenServer], child: BeWorker, mailbox: WorkerMailbox
) -> tuple[ExitReason, str]:
    server = target()
    server.name, server.instance = child.path, child.instance
    context.current().traps = server.trap_exit
    serving = _serving_for(server, mailbox)
    try:
        serving.init(child.args, child.kwargs)
    except NeedsLoop as found:
        serving = _on_a_loop(serving, found)
        serving.init((), {})
    if serving.failed is not None:
        return serving.failed, ""
    context.current().starting = False
    mailbox.tell_supervisor(Ready(traps=server.trap_exit))
    try:
        reason = serving.serve()
    except NeedsLoop as found:
        serving = _on_a_loop(serving, found)
        reason = serving.serve()
    return serving.report(reason)


def _on_a_loop(serving: Serving, found: NeedsLoop) -> Serving:
    from otpy.runtime.asynchronous import AsyncServing  # noqa: PLC0415  # as below

    return AsyncServing.after(serving, found.coroutine)


def _serving_for(server: GenServer, mailbox: WorkerMailbox) -> Serving:
    if not is_async(type(server)):
        return Serving(server, mailbox)
    # Not above: asyncio is on many pages that other workers do without.
    from otpy.runtime.asynchronous import AsyncServing  # noqa: PLC0415

    return AsyncServing(server, mailbox)


def _call(target: Any, child: BeWorker, mailbox: WorkerMailbox) -> ExitReason:
    if not callable(target) or isinstance(target, type):
        raise TypeError(f"{child.target} is neither a GenServer nor a function")
    context.current().starting = False
    mailbox.tell_supervisor(Ready(traps=False, served=False))
    try:
        result = target(*child.args, **child.kwargs)
        if iscoroutine(result):
            from otpy.runtime.asynchronous import run  # noqa: PLC0415  # as above

            run(result)
    except StopAsked as order:
        return order.reason
    except ShutDownAsked:
        pass
    return Normal()
