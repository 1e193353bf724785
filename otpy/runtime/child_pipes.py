"""The pipes between a supervisor and one child, both ends, as they are at the fork."""

from dataclasses import dataclass
from typing import Final

from otpy.system.descriptor import Descriptor, close_all, pipe
from otpy.system.spawn import control_pipe

_STREAMS: Final = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class Pipes:
    """Owners of descriptors; `theirs` are the child's ends.

    Attributes:
        control: The duplex pipe: control frames, descriptors.
        output: The pipes of the child's stdout and stderr; none if it prints where its supervisor
            does.
    """

    control: Descriptor
    their_control: Descriptor
    output: tuple[Descriptor, ...]
    their_output: tuple[Descriptor, ...]

    def close_theirs(self) -> None:
        """After the fork: the child's ends are the child's alone."""
        close_all((self.their_control, *self.their_output))

    def close_ours(self) -> None:
        """After `close_theirs`, if there is no child any more."""
        close_all((self.control, *self.output))

    def close(self) -> None:
        """There will be no child."""
        self.close_theirs()
        self.close_ours()


def open_pipes(*, output: bool) -> Pipes:
    """Create the pipes for a child.

    Raises:
        OSError: There are too many open files; none is left open.
    """
    opened: list[Descriptor] = []
    try:
        opened.extend(control_pipe())
        for _ in _STREAMS if output else ():
            opened.extend(pipe())
    except OSError:
        close_all(opened)
        raise
    control, their_control, *pipes = opened
    return Pipes(control, their_control, tuple(pipes[::2]), tuple(pipes[1::2]))
