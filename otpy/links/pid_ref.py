# Generated from otpy/aio/links/pid_ref.py by scripts/generate_blocking.py; do not edit.

"""A reference to one very process, which was started for its holder."""

from otpy.links.link import Link
from otpy.links.link_resolver import LinkResolver
from otpy.links.ref import Ref


class PidRef(Ref):
    """A process that was started for this one, and is not restarted when it has ended."""

    def __init__(self, node: LinkResolver, link: Link) -> None:
        super().__init__(node, link.path)
        self._link = self.only_link = link

    @property
    def pid(self) -> int:
        """Its pid."""
        return self.only_link.pid

    def _open_link(self, deadline: float | None) -> Link:
        """Return the link; raise why the process has ended, if it has."""
        if self.only_link.open:
            return self.only_link
        raise self._node._down_error(self.only_link, deadline)

    def _drop(self, link: Link) -> None:
        """Do not use the link any more, since the process has closed it: it ends just now."""
        if self._link is link:
            link.await_death()
        super()._drop(link)

    def close(self) -> None:
        """Need it no more."""
        self.only_link.retire()
