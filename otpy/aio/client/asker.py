"""What references and monitors need of the node that they belong to; as `otpy.client.asker`."""

from typing import Any, Protocol, TypeVar

from otpy.aio.client.trace import TraceStream
from otpy.aio.links.introducer import Introducer
from otpy.aio.links.ref import Ref

ShapeT = TypeVar("ShapeT")
RefT_co = TypeVar("RefT_co", bound=Ref, covariant=True)


class Asker(Introducer, Protocol[RefT_co]):
    """A node that can be asked: see `otpy.aio.client.node.Node`."""

    def __getitem__(self, name: str) -> RefT_co:
        """Return a reference to a process by its path."""

    async def ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`; raises `CallTimeout`."""

    async def trace(self, name: str) -> TraceStream:
        """Trace a process; raises `NoProcess` and `ProcessDown`."""
