"""Where a supervisor or the gateway stands in its tree, as it is told at the fork."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from otpy.system.descriptor import Descriptor


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process stands.

    Attributes:
        path: From the root; "" is the root supervisor.
        parent: Pid of its supervisor.
        control: Its end of the pipe to its supervisor.
        held: Descriptors that say that the node is there, which the node, its gateway and its
            supervisors hold: the lock's first.
        starts: For a supervisor: how often each process below it was started already, by path.
    """

    path: str
    parent: int
    control: Descriptor
    held: tuple[int, ...]
    starts: Mapping[str, int] = field(default_factory=dict)
