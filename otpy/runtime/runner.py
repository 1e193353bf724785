"""The process of a task: it runs one function, gives its result to who began it, and ends."""

import itertools
from collections.abc import Callable
from typing import Any, ClassVar, Final

from otpy.core.spec import ChildSpec, Restart, ServerStart, ShutdownBudget
from otpy.errors import Refused, UnknownRequest
from otpy.server.caller import Caller
from otpy.server.context import current
from otpy.server.functions import resolve
from otpy.server.genserver import GenServer
from otpy.server.job import Job
from otpy.server.results import Stop
from otpy.wire.control import Address

_UNASKED_S: Final = 60.0
"""How long to wait for whoever wanted the task: he may have died meanwhile."""


_NAME_CHARS: Final = 60
_numbers: Final = itertools.count(1)


def task_spec(id_: str, shutdown: ShutdownBudget) -> ChildSpec:
    """Make the spec of a task's process."""
    start = ServerStart(f"{Runner.__module__}:{Runner.__name__}")
    return ChildSpec(id_, start, Restart.TEMPORARY, shutdown)


def new_id(owner: Address) -> str:
    """Make an id that no task of this tree has had: the owner's name, its life, a number."""
    name = owner.path.replace("/", ".")
    if "." in owner.path or len(name) > _NAME_CHARS:  # else two names might become one
        import zlib  # noqa: PLC0415  # a library of its own, which most workers never need

        name = f"{name[:_NAME_CHARS]}-{zlib.crc32(owner.path.encode()):08x}"
    return f"{name}-{owner.incarnation}-{next(_numbers)}"


class Runner(GenServer):
    """Runs one job, whether it is called or cast, and is over then.

    A worker sends ``("run", Job)``, a client ``("apply", name of a function, *arguments)``.
    """

    trap_exit: ClassVar[bool] = False

    def init(self) -> None:
        """Wait for the job, whatever else may be asked meanwhile."""
        self.send_after(_UNASKED_S, "nobody came")
        # Whoever wanted the task may die with the link to it: then there will be no job. One that
        # was sent before is in the mailbox, before this message.
        current().mailbox.when_deserted(lambda: self.send_after(0.0, "nobody is left"))

    def handle_call(self, request: object, caller: Caller) -> object:
        """Run the job, and answer what it returns."""
        job = self._job(request)
        try:
            result = job()
        except (Refused, UnknownRequest):
            self.send_after(0.0, "over")
            raise
        caller.reply(result)
        # A result that does not fit into the pipe is given away while it is read.
        current().mailbox.flush()
        return Stop()

    def handle_cast(self, request: object) -> object:
        """Run the job; nobody wants the result."""
        job = self._job(request)
        try:
            job()
        except (Refused, UnknownRequest) as error:
            error.remote = True  # it answers nobody: it ends the task, as any error does
            raise
        return Stop()

    def handle_info(self, message: object) -> object:
        """End: it is over, or nobody came."""
        del message
        return Stop()

    def _job(self, request: object) -> Callable[[], Any]:
        match request:
            case ("run", Job() as job):
                return job.load()
            case ("apply", str(name), *args):
                return lambda: resolve(name)(*args)
        raise UnknownRequest(f"a task has no handler for {request!r:.200}")
