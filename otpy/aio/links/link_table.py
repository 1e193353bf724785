"""The links that one event loop has to processes, by path."""

from otpy.aio.links.link import Link


class LinkTable:
    """Links by path: two names of one process share a link, so that messages keep their order."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def share(self, link: Link) -> Link:
        """Give the link to use to that process: this one, or one that was there before.

        The other of the two is retired.
        """
        known = self._links.get(link.path)
        if known is not None and known.open and known.incarnation == link.incarnation:
            link.retire()
            return known
        if known is not None:
            known.retire()
        self._links[link.path] = link
        return link

    def close(self) -> None:
        """Close every link; requests that are under way finish first."""
        for link in tuple(self._links.values()):
            link.retire()
        self._links.clear()

    def abandon(self) -> None:
        """Forget every link at once: to be called in the child after a fork."""
        for link in self._links.values():
            link.abandon()
        self._links.clear()
