"""Protocol of objects that open links by name: the node of a client, or the peers of a worker."""

from typing import Protocol

from otpy.aio.links.link import Link
from otpy.aio.links.sys_calls import SysCaller
from otpy.errors import ProcessDown
from otpy.links.protocol import LinkProtocol


class LinkResolver(SysCaller, Protocol):
    """Opens links to processes by their names.

    Attributes:
        _protocol: The protocol of its links.
    """

    _protocol: type[LinkProtocol]

    @property
    def name(self) -> str:
        """The node's name."""

    async def _open_link(self, name: str, deadline: float | None) -> Link:
        """Return a link to a process; wait for one that is being restarted.

        Raises:
            NoProcess: There is no such process, or it is stopped for good.
            TooLate: The deadline has passed.
        """

    async def _is_running(self, name: str, deadline: float | None) -> bool:
        """Return whether the process runs at this moment; raises as `_open_link`."""

    async def _down_error(self, link: Link, deadline: float | None) -> ProcessDown:
        """Return why the process at the other end of `link` ended."""
