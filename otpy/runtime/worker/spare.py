"""A spare: a process that has imported its child's module, and waits to become it.

It starts in the child's surroundings, since the import is the child's own. What it has read by then
may be another text on the disk when it is needed: a spare of old code does not become the child.
"""

import contextlib
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from inspect import iscoroutinefunction
from typing import Final, NoReturn, TypeAlias

from otpy.runtime.worker.gen_server import Serving
from otpy.runtime.worker.mailbox import WorkerMailbox
from otpy.runtime.worker.peers import Peers
from otpy.server import context
from otpy.server.callbacks import is_async
from otpy.server.contract import make
from otpy.server.functions import resolve
from otpy.server.genserver import GenServer
from otpy.system.marks import NO_INCARNATION, mark_process
from otpy.system.proctitle import name_process
from otpy.system.python_end import end_within, finish
from otpy.system.std_streams import complain
from otpy.wire.control import Address, Assignment, Outdated, Prepared

_END_S: Final = 1.0
"""Seconds that what the module registered for the end of the process may take."""

_FRESH_S: Final = 0.05
"""Seconds for which it need not be looked again whether files have changed."""

_State: TypeAlias = tuple[int, int, int] | None
"""Of a file: its time in nanoseconds, its size, its number; None if there is none."""


def run_spare(child: Assignment, mailbox: WorkerMailbox, supervisor: int) -> Assignment:
    """Prepare this process to become `child`, and wait; return what it is to be then.

    If that cannot be it ends here, and another process shows why as it is started.
    """
    _name(child)
    had, began = frozenset(sys.modules), time.time_ns()
    try:
        if child.surroundings is not None:
            from otpy.runtime.worker.surroundings import enter_surroundings  # noqa: PLC0415

            enter_surroundings(child.surroundings, supervisor)
        sys.argv = [child.path]
        _import(child.target)
    except BaseException:  # noqa: BLE001  # whatever it was, the start will show it
        _end(traceback.format_exc(), status=1)
    read = ReadFiles(_files(had, child), began)
    mailbox.send_to_supervisor(Prepared())
    while not isinstance(order := mailbox.order(), Assignment):
        read.look()
        _rehearse(child, mailbox)
    if (changed := read.changed()) is not None:
        mailbox.send_to_supervisor(Outdated())
        _end(f"otpy: {child.path}: its spare is not used: {changed} has changed\n", status=0)
    return order


def _name(child: Assignment) -> None:
    mark_process(os.getpid(), NO_INCARNATION)
    name_process(f"otpy: spare of {child.path}")


def _rehearse(child: Assignment, mailbox: WorkerMailbox) -> None:
    """Run, without effect, what the start of a server runs.

    Its code and its memory are at hand then, and the start takes half the time.
    """
    _name(child)
    with contextlib.suppress(Exception):  # the user's module may have a `__getattr__`
        resolve(child.target)
    context.Context(child.path, NO_INCARNATION, mailbox, partial(Peers, Address("", 0), mailbox))
    server = make(GenServer, (), {})
    is_async(type(server))
    Serving(server, mailbox).init((), {})


class ReadFiles:
    """The files that this process has read, and whether they are still what it has read.

    Args:
        paths: Of the files.
        began: When the first of them was read, or before, in nanoseconds since 1970.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, paths: Iterable[str], began: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._states = {path: _state(path) for path in paths}
        self._began, self._clock = began, clock
        self._changed: str | None = None
        self._looked_at = -math.inf

    def changed(self) -> str | None:
        """Return one that has changed, or None, as it is now or was a moment ago."""
        if self._clock() - self._looked_at > _FRESH_S:
            self.look()
        return self._changed

    def look(self) -> None:
        """Look at them; for a moment `changed` need not do that."""
        self._looked_at = self._clock()
        self._changed = next(filter(self._has_changed, self._states), None)

    def _has_changed(self, path: str) -> bool:
        state = self._states[path]
        # One that was written as it was read may have been read before or after.
        return _state(path) != state or (state is not None and state[0] >= self._began)


def _import(target: str) -> None:
    """Import the module of a server or function, and what runs it."""
    found = resolve(target)
    if isinstance(found, type) and issubclass(found, GenServer):
        if is_async(found):
            import otpy.runtime.worker.async_gen_server  # noqa: PLC0415
    elif iscoroutinefunction(found):
        import otpy.runtime.worker.event_loop  # noqa: F401, PLC0415


def _files(had: frozenset[str], child: Assignment) -> list[str]:
    """Return the files that this process has read and its supervisor had not."""
    files = [
        file
        for name, module in tuple(sys.modules.items())
        if name not in had and isinstance(file := _dict(module).get("__file__"), str)
    ]
    given = child.surroundings.env_file if child.surroundings is not None else None
    return files + [file.removesuffix("?") for file in given or ()]


def _dict(module: object) -> dict[str, object]:
    # Not `getattr(module, "__file__")`: of one that is lazy that would be its import.
    return getattr(module, "__dict__", {})


def _state(file: str) -> _State:
    try:
        found = os.stat(file)  # noqa: PTH116  # half the time of Path
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _end(why: str, *, status: int) -> NoReturn:
    """End this process, which was no child yet."""
    complain(why)
    end_within(_END_S)
    finish(asked=False)
    os._exit(status)
