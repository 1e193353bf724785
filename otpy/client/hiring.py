"""Tasks of a client: processes that are started for it."""

import contextlib
from typing import TYPE_CHECKING

from otpy.client.answers import Introduction, converted
from otpy.errors import NoProcess, ProcessDown
from otpy.links.hired import HiredRef
from otpy.links.link import Link

if TYPE_CHECKING:
    from otpy.client.gateway import Gateway
    from otpy.client.node import Node


def hire(
    node: "Node", gateway: "Gateway", supervisor: str, shutdown: float, *, tied: bool
) -> HiredRef:
    """Have a supervisor start a task, and get a reference to that very process."""
    arguments = {"supervisor": supervisor, "shutdown": shutdown, "tied": tied}
    answer = gateway.ask("hire", arguments, None, repeatable=False)
    who = converted("hire", answer, Introduction)
    reader, writer, pidfd = answer[1]
    where = (who.path, who.pid, who.incarnation)
    ends = (reader, writer, pidfd)
    link = Link(ends, *where, node_pid=node.pid, protocol=node.protocol())
    return HiredRef(node, link)


def terminate_children(node: "Node", supervisor: str, ids: list[str]) -> None:
    """Stop children; those that have ended, with their supervisor or alone, are no mistake."""
    with contextlib.suppress(NoProcess, ProcessDown):
        node.supervisor(supervisor).terminate_children(ids)
