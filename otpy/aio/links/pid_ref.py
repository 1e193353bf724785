"""A reference to one very process, which was started for whoever has it."""

from otpy.aio.links.introducer import Introducer
from otpy.aio.links.link import Link
from otpy.aio.links.ref import Ref


class PidRef(Ref):
    """A process that was started for this one; nobody takes its place when it has ended."""

    def __init__(self, node: Introducer, link: Link) -> None:
        super().__init__(node, link.path)
        self._link = self._only_link = link

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._only_link.pid

    async def introduced(self, deadline: float | None) -> Link:
        """Return the link; raise why the process has ended, if it has."""
        if self._only_link.open:
            return self._only_link
        raise await self.node.down_error(self._only_link, deadline)

    def close(self) -> None:
        """Need it no more."""
        self._only_link.retire()
