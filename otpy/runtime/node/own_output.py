"""The stdout and stderr of a node that nobody looks at: what is written there is in its log.

The node's own lines and those of its children are in the log as it is. These two are for the
children that print there themselves (`log: inherit`).
"""

from otpy.events import Event, NodeStopped
from otpy.runtime.node.follower import Followed
from otpy.runtime.node_log import Source
from otpy.runtime.supervisor.output import ChildOutput, Sinks
from otpy.system.descriptor import Descriptor, close_all, pipe
from otpy.wire.log_message import Target
from otpy.wire.paths import NODE


class OwnOutput:
    """Two pipes that the node reads into its log.

    Raises:
        OSError: There are too many open files.
    """

    def __init__(self) -> None:
        self._readers: list[Descriptor] = []
        self._writers: list[Descriptor] = []
        self._output: ChildOutput | None = None
        for _ in range(2):
            reader, writer = pipe()
            self._readers.append(reader)
            self._writers.append(writer)

    @property
    def ends(self) -> tuple[int, int]:
        """The descriptors that stand for stdout and stderr."""
        stdout, stderr = self._writers
        return stdout.fileno(), stderr.fileno()

    def begin(self, node: Followed) -> None:
        """Read from now on."""
        sinks = Sinks(node.loop, node.stdout, node.log)
        self._output = ChildOutput(tuple(self._readers), Source(NODE, 1), Target(), sinks)

    def note(self, event: Event) -> None:
        """Read what is left once nothing else of the node is."""
        if isinstance(event, NodeStopped) and self._output is not None:
            self._output.finish()
            self._readers.clear()  # which it has closed

    def close(self) -> None:
        """Close all ends."""
        close_all((*self._readers, *self._writers))
