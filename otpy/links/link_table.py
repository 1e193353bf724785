"""The links that one process has to others, by path."""

from typing import Final, Generic, Protocol, TypeVar

from otpy.system.locks import new_lock

_FIRST_PRUNE: Final = 64


class SharedLink(Protocol):
    """A link to one incarnation of a process, for callers that block or that await."""

    path: str
    incarnation: int
    open: bool

    @property
    def has_died(self) -> bool:
        """Whether the process at the other end is dead at this moment."""

    def retire(self) -> None:
        """Send nothing new there."""

    def abandon(self) -> None:
        """Close it at once: to be called in the child after a fork."""


LinkT = TypeVar("LinkT", bound=SharedLink)


class LinkTable(Generic[LinkT]):
    """Links by path: two names of one process share a link, so that messages keep their order."""

    def __init__(self) -> None:
        self._links: dict[str, LinkT] = {}
        self._changing = new_lock()
        self._closed = False
        self._prune_at = _FIRST_PRUNE

    def share(self, link: LinkT) -> LinkT | None:
        """Return the link to use to that process: this one, or one that was there before.

        The other of the two is retired. None if the table is closed.
        """
        with self._changing:
            known = self._links.get(link.path)
            if self._closed:
                known = None
            elif known is None or not known.open or known.incarnation != link.incarnation:
                if known is not None:
                    known.retire()
                self._links[link.path] = known = link
                self._prune()
        if known is not link:
            link.retire()
        return known

    def _prune(self) -> None:
        """Drop links to processes that died and were not used since, now and then."""
        if len(self._links) < self._prune_at:
            return
        for path, link in tuple(self._links.items()):
            if not link.open or link.has_died:
                link.retire()
                del self._links[path]
        self._prune_at = max(_FIRST_PRUNE, 2 * len(self._links))

    def close(self) -> None:
        """Close every link; requests that are under way finish first."""
        self._closed = True
        with self._changing:
            links = list(self._links.values())
            self._links.clear()
        for link in links:
            link.retire()

    def abandon(self) -> None:
        """Forget every link at once: to be called in the child after a fork."""
        self._changing = new_lock()
        for link in self._links.values():
            link.abandon()
        self._links.clear()
