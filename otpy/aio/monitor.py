"""The end of a process, awaited by a client."""

from typing import TYPE_CHECKING

from otpy.aio.deadline import within
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.notices import Down

if TYPE_CHECKING:
    from otpy.aio.node import Node


class Monitor:
    """Tells of the end of one incarnation of a process; made by `Ref.monitor`."""

    def __init__(self, node: "Node", path: str, incarnation: int | None) -> None:
        self._node, self._path, self._incarnation = node, path, incarnation or 0
        self._down = Down(0, path, 0, "noproc") if incarnation is None else None

    async def wait(self, timeout: float | None = DEFAULT_TIMEOUT_S) -> Down:
        """Wait for the end; once it has come, every time the same.

        Args:
            timeout: Seconds above zero, or None for ever.

        Raises:
            CallTimeout: It has not ended.
            NodeNotFound: The node is gone.
        """
        if self._down is None:
            who = {"path": self._path, "incarnation": self._incarnation}
            async with within(timeout, f"{self._path!r} has not ended"):
                told = await self._node.ask("fate", who, None, shape=dict[str, str])
            self._down = Down(0, self._path, self._incarnation, told["reason"])
        return self._down
