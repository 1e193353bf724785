"""Connecting to a running node from an asyncio event loop."""

from collections.abc import Generator
from types import TracebackType
from typing import Any

from otpy.aio.client.node import Node, open_node
from otpy.links.deadline import DEFAULT_TIMEOUT_S


def connect(node: str | None = None, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> "Connecting":
    """Connect to a running node; what comes back is to be awaited, or entered by ``async with``.

    Args and what is raised are those of `otpy.connect`.
    """
    return Connecting(node, timeout)


class Connecting:
    """The result of `connect`: to be awaited, or entered."""

    def __init__(self, name: str | None, timeout: float | None) -> None:
        self._name, self._timeout = name, timeout
        self._node: Node | None = None

    def __await__(self) -> Generator[Any, None, Node]:
        return open_node(self._name, timeout=self._timeout).__await__()

    async def __aenter__(self) -> Node:
        self._node = await self
        return self._node

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._node is not None
        await self._node.close()
