"""The pipes between a supervisor and one child, both ends, as they are at the fork."""

from dataclasses import dataclass

from otpy.system.descriptor import Descriptor, close_all, pipe
from otpy.system.spawn import control_pipe


@dataclass(frozen=True, slots=True)
class Pipes:
    """Owners of descriptors; `theirs` are the child's ends.

    Attributes:
        control: The duplex pipe: control frames, descriptors.
        output: The pipe of the child's output; None if it prints where its supervisor does.
    """

    control: Descriptor
    their_control: Descriptor
    output: Descriptor | None
    their_output: Descriptor | None

    def close_theirs(self) -> None:
        """After the fork: the child's ends are the child's alone."""
        close_all(_present(self.their_control, self.their_output))

    def close_ours(self) -> None:
        """After `close_theirs`, if there is no child any more."""
        close_all(_present(self.control, self.output))

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

    def opened_pair(wanted: bool) -> tuple[Descriptor | None, Descriptor | None]:
        if not wanted:
            return None, None
        pair = pipe()
        opened.extend(pair)
        return pair

    try:
        opened.extend(control := control_pipe())
        return Pipes(*control, *opened_pair(output))
    except OSError:
        close_all(opened)
        raise


def _present(*descriptors: Descriptor | None) -> tuple[Descriptor, ...]:
    return tuple([each for each in descriptors if each is not None])
