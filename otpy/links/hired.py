"""A reference to one very process, which was started for whoever has it."""

from typing import TYPE_CHECKING

from otpy.links.link import Link
from otpy.links.ref import Ref

if TYPE_CHECKING:
    from otpy.links.ref import Introducer


class HiredRef(Ref):
    """A process that was started for this one; nobody takes its place when it has ended."""

    def __init__(self, node: "Introducer", link: Link) -> None:
        super().__init__(node, link.path)
        self._link = self._only_link = link

    def _introduced(self, deadline: float | None) -> Link:
        if self._only_link.open:
            return self._only_link
        raise self.node.obituary(self._only_link, deadline)
