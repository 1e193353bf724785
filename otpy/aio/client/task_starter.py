"""Tasks of a client: processes that are started for it."""

import abc
import contextlib
import weakref
from typing import TYPE_CHECKING

from otpy.aio.links.link import Link
from otpy.aio.links.link_resolver import LinkResolver
from otpy.aio.links.pid_ref import PidRef
from otpy.client.replies import opened_link
from otpy.errors import NoProcess, ProcessDown

if TYPE_CHECKING:
    from otpy.aio.client.gateway import Gateway
    from otpy.aio.links.supervisor import SupervisorRef


class ClientTaskStarter(LinkResolver, abc.ABC):
    """Starts tasks for `otpy.tasks`, which is the API to use."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._task_links: weakref.WeakSet[Link] = weakref.WeakSet()

    @abc.abstractmethod
    def supervisor(self, path: str = "") -> "SupervisorRef":
        """Return a reference to a supervisor; "" is the root."""

    async def _start_task(self, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
        """Start a task at a supervisor, and return a reference to that very process."""
        arguments = {"supervisor": supervisor, "shutdown": shutdown, "linked": linked}
        # Repeated if the gateway is killed: a task without a link from a client ends by itself.
        answer = await self._gateway.ask("start_task", arguments, None)
        address, ends, protocol = opened_link("start_task", answer, self._protocol())
        where = (address.path, address.pid, address.incarnation)
        node_pid = self._gateway.hello.pid
        link = Link(ends, *where, node_pid=node_pid, protocol=protocol)
        self._task_links.add(link)
        return PidRef(self, link)

    async def hire(self, supervisor: str, shutdown: float, *, tied: bool) -> PidRef:
        """Start a task process, by its former name; `otpy.tasks` is what to use (deprecated)."""
        return await self._start_task(supervisor, shutdown, linked=tied)

    async def _terminate_children(self, supervisor: str, ids: list[str]) -> None:
        """Stop children; those that have ended, with their supervisor or alone, are no mistake."""
        with contextlib.suppress(NoProcess, ProcessDown):
            await self.supervisor(supervisor).terminate_children(ids)

    def _abandon_tasks(self) -> None:
        """Forget the links to tasks: to be called in the child after a fork."""
        for link in list(self._task_links):
            link.abandon()
