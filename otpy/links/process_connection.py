"""A connection to a process that may die, or hang up."""

import select
import time
from typing import Final, Generic

from otpy.links.connection import Connection
from otpy.links.deadline import TooLate, has_passed, poll_ms
from otpy.links.waiter import AnswerT, Lost, NotDelivered
from otpy.system.descriptor import Descriptor
from otpy.wire.frames import Frame

_END_MS: Final = 1000
"""How long a process may take to end once it has closed its links."""

EOF_GRACE_S: Final = 3.0
"""From the end-of-file of a dying process to its pidfd; after that it lives, and hung up."""


class ProcessConnection(Connection[AnswerT], Generic[AnswerT]):
    """One connection to one process; as `Connection`, but with a pidfd.

    Attributes:
        dead: Whether the process is known to be dead.
    """

    def __init__(self, reader: Descriptor, writer: Descriptor, pidfd: Descriptor) -> None:
        super().__init__(reader, writer, pidfd)
        self._pidfd: int = pidfd.fileno()
        self.dead = False

    def _send(self, data: Frame, deadline: float | None, *, careful: bool = False) -> int:
        try:
            return super()._send(data, deadline, careful=careful)
        except NotDelivered:
            if not (self._ended or self._retired):
                self._await_end(deadline)
            raise

    def _await_end(self, deadline: float | None) -> None:
        """Wait until a process that hung up has died; one that lives hung up on all."""
        end = select.poll()
        end.register(self._pidfd, select.POLLIN)
        grace = time.monotonic() + EOF_GRACE_S
        ended = end.poll(poll_ms(grace if deadline is None else min(grace, deadline)))
        if not ended and has_passed(deadline):
            raise TooLate

    def await_death(self) -> None:
        """Wait a moment for a process that has closed the link to die."""
        if not self.dead:
            end = select.poll()
            end.register(self._pidfd, select.POLLIN)
            self.dead = bool(end.poll(_END_MS))

    def _copied_fault(self) -> Exception:
        # Every thread raises an exception of its own, since raising writes into it.
        fault = self.fault or Lost()
        return type(fault)(*fault.args)
