"""The pipes between a supervisor and one child, both ends, as they are at the fork."""

import os
from dataclasses import dataclass

from otpy.system.fdpass import close_fds
from otpy.system.spawn import control_pipe


@dataclass(frozen=True, slots=True)
class Pipes:
    """Descriptors; `theirs` are the child's ends.

    Attributes:
        control: The duplex pipe: control frames, descriptors.
        output: What the child prints; None if it prints to where its supervisor does.
        lifeline: Held by everything below a supervisor, so that its end-of-file means that
            nobody is left; None for a worker.
    """

    control: int
    their_control: int
    output: int | None
    their_output: int | None
    lifeline: int | None
    their_lifeline: int | None

    def close_theirs(self) -> None:
        """After the fork: the child's ends are the child's alone."""
        close_fds(_present(self.their_control, self.their_output, self.their_lifeline))

    def close(self) -> None:
        """There will be no child."""
        self.close_theirs()
        close_fds(_present(self.control, self.output, self.lifeline))


def open_pipes(*, output: bool, lifeline: bool) -> Pipes:
    """Make the pipes for a child.

    Raises:
        OSError: There are too many open files; none is left open.
    """
    opened: list[int] = []

    def opened_pair(wanted: bool) -> tuple[int | None, int | None]:
        if not wanted:
            return None, None
        pair = os.pipe()
        opened.extend(pair)
        return pair

    try:
        opened.extend(control := control_pipe())
        return Pipes(*control, *opened_pair(output), *opened_pair(lifeline))
    except OSError:
        close_fds(opened)
        raise


def _present(*fds: int | None) -> tuple[int, ...]:
    return tuple(fd for fd in fds if fd is not None)
