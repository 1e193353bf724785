"""What one may ask a server beside its messages, awaited; as `otpy.client.system`."""

from typing import TYPE_CHECKING, Any

from otpy.aio.deadline import within
from otpy.links.deadline import DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from otpy.aio.node import Node
    from otpy.aio.trace import TraceStream


class SystemCalls:
    """The part of a reference that talks to the server's supervision, not to its handlers."""

    name: str
    node: "Node"

    async def get_state(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Return the attributes of the server's instance; as `otpy.Ref.get_state`."""
        return await self._system("get_state", {}, timeout)

    async def replace_state(
        self, attributes: dict[str, Any], *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> Any:
        """Give attributes other values; as `otpy.Ref.replace_state`."""
        arguments = {"attributes": attributes}
        return await self._system("replace_state", arguments, timeout, repeatable=False)

    async def suspend(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Have the server take no messages until `resume`; as `otpy.Ref.suspend`."""
        await self._system("suspend", {}, timeout)

    async def resume(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Have the server take messages again."""
        await self._system("resume", {}, timeout)

    async def trace(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> "TraceStream":
        """Iterate over what the server receives and answers from now on.

        The `timeout` is for its begin.
        """
        async with within(timeout, f"{self.name!r} did not answer"):
            return await self.node.trace(self.name)

    async def stack(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> str:
        """Tell the Python stacks of all threads of a worker; as `otpy.Ref.stack`."""
        return str(await self._system("stack", {}, timeout))

    async def _system(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        repeatable: bool = True,
    ) -> Any:
        asked = {"name": self.name, **arguments}
        async with within(timeout, f"{self.name!r} did not answer"):
            return await self.node.ask(operation, asked, None, shape=Any, repeatable=repeatable)
