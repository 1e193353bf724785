"""A reference to one very process, which was started for whoever has it."""

import select
from typing import Final

from otpy.links.introducer import Introducer
from otpy.links.link import Link
from otpy.links.ref import Ref

_END_MS: Final = 1000
"""How long a process may take to end once it has closed its links."""


class PidRef(Ref):
    """A process that was started for this one; nobody takes its place when it has ended."""

    def __init__(self, node: Introducer, link: Link) -> None:
        super().__init__(node, link.path)
        self._link = self._only_link = link

    def introduced(self, deadline: float | None) -> Link:
        """Return the link; raise why the process has ended, if it has."""
        if self._only_link.open:
            return self._only_link
        raise self.node.down_error(self._only_link, deadline)

    def drop(self, link: Link) -> None:
        """Do not use the link any more, since the process has closed it: it ends just now."""
        if self._link is link and not link.dead:
            ends = select.poll()
            ends.register(link.descriptors[1], select.POLLIN)
            link.dead = bool(ends.poll(_END_MS))
        super().drop(link)
