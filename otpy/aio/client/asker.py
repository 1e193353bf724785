"""Protocol of the node that references, monitors and statistics belong to."""

from typing import Any, Protocol, TypeVar

from otpy.aio.client.trace import TraceStream
from otpy.aio.links.link_resolver import LinkResolver
from otpy.aio.links.ref import Ref
from otpy.client.tree import ProcessInfo
from otpy.links.deadline import DEFAULT_TIMEOUT_S

ShapeT = TypeVar("ShapeT")
RefT_co = TypeVar("RefT_co", bound=Ref, covariant=True)


class Asker(LinkResolver, Protocol[RefT_co]):
    """A node that can be asked: see `otpy.aio.client.node.Node`."""

    def __getitem__(self, name: str) -> RefT_co:
        """Return a reference to a process by its path."""

    async def _ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`; raises `CallTimeout`."""

    async def _ask_until(
        self,
        operation: str,
        arguments: dict[str, Any],
        deadline: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`; raises `TooLate`."""

    async def tree(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ProcessInfo:
        """Return the root supervisor with everything below it."""

    async def _trace(self, name: str, deadline: float | None) -> TraceStream:
        """Trace a process; raises `NoProcess`, `ProcessDown` and `TooLate`."""
