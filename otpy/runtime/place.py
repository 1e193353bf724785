"""Where a process stands in its tree, as its supervisor tells it at the fork."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process stands in its tree.

    Attributes:
        path: From the root; "" is the root supervisor.
        parent: Pid of its supervisor.
        control: Its end of the pipe to its supervisor.
        output: Where its stdout and stderr go; None leaves them as they are.
        leashes: Descriptors that everything below its ancestors holds: the node's lock, then
            their lifelines.
        starts: For a supervisor: how often each process below it was started already, by path.
    """

    path: str
    incarnation: int
    parent: int
    control: int
    output: int | None
    leashes: tuple[int, ...]
    starts: Mapping[str, int] = field(default_factory=dict)
