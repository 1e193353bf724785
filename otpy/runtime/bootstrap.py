"""The argument of a forked supervisor or gateway."""

from dataclasses import dataclass, field
from typing import NamedTuple

from otpy.core.numbers import Numbers
from otpy.system.descriptor import Descriptor


class Outlets(NamedTuple):
    """Descriptors that the node and its supervisors hold; the gateway has the log alone.

    Attributes:
        log: The socket of the log.
        stdout: The node's own stdout, whatever that is.
        stderr: So, too.
    """

    log: int
    stdout: int
    stderr: int


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The values that a supervisor or the gateway inherits at the fork.

    Attributes:
        path: From the root; "" is the root supervisor.
        parent: Pid of its supervisor.
        incarnation: Its own.
        control: Its end of the pipe to its supervisor.
        outlets: What it logs to, and what its workers may print to.
        inherited_fds: Descriptors that say that the node is there, which the node, its gateway and
            its supervisors hold: the lock's first.
        numbers: For a supervisor: the last incarnation numbers of what was below an earlier one, by
            path.
    """

    path: str
    parent: int
    incarnation: int
    control: Descriptor
    outlets: Outlets
    inherited_fds: tuple[int, ...]
    numbers: Numbers = field(default_factory=Numbers)
