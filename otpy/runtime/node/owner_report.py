"""What a node says to the program that runs or starts it, and how it learns of that one's end."""

import os
import pickle
from typing import Final

from otpy.errors import OtpyError
from otpy.runtime.node.command import Owner
from otpy.system.descriptor import Descriptor

_MOST_TRACEBACK: Final = 1 << 15


class OwnerReport:
    """The node's end of the socket to the program that runs or starts it, if one does.

    Args:
        owner: The program that runs it; None for `otpy run`.
        starter: Descriptor of the socket to a command that waits only until the tree is up.

    Attributes:
        program: Readable once the program has ended; None if there is none.
        requests: The socket: readable once the program wants the node to stop, or the command has
            ended.
        asker: What is at the other end.
        is_read: Whether the program has what was said last.
        traceback: Of the last child that failed to start.
    """

    def __init__(self, owner: Owner | None, starter: int | None = None) -> None:
        self._is_starter = owner is None
        self.asker = f"the {'command that starts' if owner is None else 'program that runs'} it"
        self.program = None if owner is None else _private(owner.pidfd)
        socket = starter if owner is None else owner.report
        self.requests = None if socket is None else _private(socket)
        self.is_read = False
        self.traceback = ""

    def up(self) -> None:
        """Say that the tree is up, and the pid; a command that started the node may end then."""
        self._send(os.getpid())
        if self._is_starter and self.requests is not None:
            self.requests.close()

    def failed(self, error: OtpyError) -> None:
        """Say why the node does not start, or did not end well."""
        self._send(error)

    def note_traceback(self, text: str) -> None:
        """Keep what may be the cause of a failed start; the end of it if it is long."""
        if text:  # the supervisors above the child fail, too, and have none
            self.traceback = text[-_MOST_TRACEBACK:]

    def close(self) -> None:
        """Close what the node has open for it."""
        for each in (self.program, self.requests):
            if each is not None and not each.closed:
                each.close()

    def _send(self, outcome: OtpyError | int) -> None:
        if self.requests is None or self.requests.closed:
            return
        try:
            os.write(self.requests.fileno(), pickle.dumps(outcome))  # one whole message
        except OSError:
            self.is_read = False  # the program has ended
        else:
            self.is_read = True


def _private(fd: int) -> Descriptor:
    os.set_inheritable(fd, False)
    return Descriptor(fd)
