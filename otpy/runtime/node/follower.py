"""What is outside a node and told what happens to it: its guardian, the service manager."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from otpy.events import Event
from otpy.runtime.directory import Directory
from otpy.runtime.node_log import NodeLog
from otpy.runtime.stdout import NodeStdout
from otpy.system.loop import Loop


class Followed(NamedTuple):
    """The node as a follower may use it.

    Attributes:
        name: The node's.
        loop: Of its process.
        directory: Its processes, as far as events tell.
        stdout: Where it prints.
        log: Its own.
        stop: Stops it in order, for the reason given, unless it stops already.
        publish: Publishes an event.
    """

    name: str
    loop: Loop
    directory: Directory
    stdout: NodeStdout
    log: NodeLog
    stop: Callable[[str], None]
    publish: Callable[[Event], None]


class Follower(Protocol):
    """One that is told."""

    def begin(self, node: Followed) -> None:
        """Begin, before anything of the tree has started."""

    def note(self, event: Event) -> None:
        """Note what happened; the directory knows it already."""
