# Generated from otpy/aio/client/asker.py by scripts/generate_blocking.py; do not edit.

"""Protocol of the node that references, monitors and statistics belong to."""

from typing import Any, Protocol, TypeVar

from otpy.client.trace import TraceStream
from otpy.client.tree import ProcessInfo
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.link_resolver import LinkResolver
from otpy.links.ref import Ref

ShapeT = TypeVar("ShapeT")
RefT_co = TypeVar("RefT_co", bound=Ref, covariant=True)


class Asker(LinkResolver, Protocol[RefT_co]):
    """A node that can be asked: see `otpy.client.node.Node`."""

    def __getitem__(self, name: str) -> RefT_co:
        """Return a reference to a process by its path."""

    def _ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`; raises `CallTimeout`."""

    def _ask_until(
        self,
        operation: str,
        arguments: dict[str, Any],
        deadline: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask the gateway, and make the answer a `shape`; raises `TooLate`."""

    def tree(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ProcessInfo:
        """Return the root supervisor with everything below it."""

    def _trace(self, name: str, deadline: float | None) -> TraceStream:
        """Trace a process; raises `NoProcess`, `ProcessDown` and `TooLate`."""
