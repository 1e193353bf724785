"""The process of a task: it runs one function, gives its result to its starter, and ends."""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from otpy.errors import Refused, UnknownRequest
from otpy.server.caller import Caller
from otpy.server.context import current
from otpy.server.functions import resolve
from otpy.server.genserver import GenServer
from otpy.server.job import Job
from otpy.server.results import Stop

_UNASKED_S: Final = 60.0
"""Seconds to wait for the caller of the task, which may have died meanwhile."""


class TaskServer(GenServer):
    """Runs one job, whether it is called or cast, and is over then.

    A worker sends ``("run", Job)``, a client ``("apply", name of a function, *arguments)``.
    """

    trap_exit: ClassVar[bool] = False

    def init(self) -> None:
        """Wait for the job, whatever else may be asked meanwhile."""
        self.send_after(_UNASKED_S, "nobody came")
        # The caller of the task may die with the link to it: then there will be no job. One that
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
        """Run the job; its result is not wanted."""
        job = self._job(request)
        try:
            job()
        except (Refused, UnknownRequest) as error:
            error.remote = True  # it answers no call: it ends the task, as any error does
            raise
        return Stop()

    def handle_info(self, message: object) -> object:
        """Stop: the task is over, or its caller never came."""
        del message
        return Stop()

    def _job(self, request: object) -> Callable[[], Any]:
        match request:
            case ("run", Job() as job):
                return job.load()
            case ("apply", str(name), *args):
                return lambda: resolve(name)(*args)
        raise UnknownRequest(f"a task has no handler for {request!r:.200}")
