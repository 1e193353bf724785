"""The process of a task: it runs one function, gives its result to who began it, and ends."""

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

from otpy.errors import Refused, UnknownRequest
from otpy.server import Caller, GenServer, Stop, Timeout
from otpy.server.context import current

_UNASKED_S: Final = 60.0
"""How long to wait for whoever wanted the task: he may have died meanwhile."""


class Runner(GenServer):
    """Runs ``("run", job)``, whether it is called or cast, and is over then."""

    trap_exit: ClassVar[bool] = False

    def init(self) -> Timeout:
        """Wait for the job."""
        return Timeout(_UNASKED_S)

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
        self._job(request)()
        return Stop()

    def handle_info(self, message: object) -> object:
        """End: it is over, or nobody came."""
        del message
        return Stop()

    def _job(self, request: object) -> Callable[[], Any]:
        match request:
            case ("run", bytes(job)):
                function, args = pickle.loads(job)  # noqa: S301  # of our own tree
                return partial(function, *args)
        raise UnknownRequest(f"a task has no handler for {request!r:.200}")
