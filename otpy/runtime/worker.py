"""A worker as a process: a GenServer, a function or a program that is not Python."""

import contextlib
import importlib
import inspect
import os
import sys
from typing import Any

from otpy.core.exits import ExitReason, Normal, Raised, is_clean
from otpy.core.spec import ChildSpec, CommandStart, ServerStart
from otpy.runtime.mailbox import ShutDownAsked, WorkerMailbox
from otpy.runtime.place import Place
from otpy.runtime.serving import NotNeeded, Serving, raised
from otpy.server import GenServer, context
from otpy.system.spawn import become_child, become_worker, exec_command
from otpy.wire.control import IgnoreStart, LastWord, Ready

_LAST_WORDS_S = 1.0


def be_worker(spec: ChildSpec, place: Place) -> int:
    """Be a worker, in the process just forked; tell its exit status."""
    become_child(f"otpy: {place.path}", (place.control, *place.leashes), place.output)
    become_worker(place.parent)
    mailbox = WorkerMailbox(place.control, place.incarnation)
    context.enter(context.Context(place.path, place.incarnation, mailbox))
    os.register_at_fork(after_in_child=mailbox.close_all)
    in_hand = ""
    try:
        if isinstance(spec.start, CommandStart):
            exec_command(spec.start.argv, place.leashes)
        assert isinstance(spec.start, ServerStart)
        target = resolve(spec.start.target)
        if isinstance(target, type) and issubclass(target, GenServer):
            reason, in_hand = _serve(target, spec.start, place, mailbox)
        else:
            reason = _call(target, spec.start, mailbox)
    except NotNeeded:
        mailbox.tell_supervisor(IgnoreStart())
        return 0
    except BaseException as error:  # noqa: BLE001  # whatever it was, the supervisor is told
        reason = raised(error)
    if isinstance(reason, Raised):
        sys.stderr.write(reason.traceback)
    mailbox.last_words(str(reason), reason.traceback if isinstance(reason, Raised) else "")
    mailbox.tell_supervisor(LastWord(reason, in_hand))
    return 0 if is_clean(reason) else 1


def resolve(target: str) -> Any:
    """Import ``module:attribute``.

    Raises:
        ImportError: There is no such module, or it raised while it was imported.
        AttributeError: The module has no such attribute.
    """
    module, _, names = target.partition(":")
    value: Any = importlib.import_module(module)
    for name in names.split("."):
        value = getattr(value, name)
    return value


def _serve(
    target: type[GenServer], start: ServerStart, place: Place, mailbox: WorkerMailbox
) -> tuple[ExitReason, str]:
    _refuse_async(target)
    server = target()
    server.name = place.path
    serving = Serving(server, mailbox)
    serving.init(start.args, start.kwargs)
    if serving.failed is not None:
        return serving.failed, ""
    mailbox.tell_supervisor(Ready(traps=server.trap_exit))
    reason = serving.serve()
    return reason, serving.in_hand


def _refuse_async(target: type[GenServer]) -> None:
    for name in ("init", "terminate", *(n for n in dir(target) if n.startswith("handle_"))):
        if inspect.iscoroutinefunction(getattr(target, name)):
            raise TypeError(f"{target.__qualname__}.{name} is async, expected a plain method")


def _call(target: Any, start: ServerStart, mailbox: WorkerMailbox) -> ExitReason:
    if not callable(target) or isinstance(target, type):
        raise TypeError(f"{start.target} is neither a GenServer nor a function")
    mailbox.tell_supervisor(Ready(traps=False))
    with contextlib.suppress(ShutDownAsked):
        target(*start.args, **start.kwargs)
    return Normal()
