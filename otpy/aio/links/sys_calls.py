"""What one may ask a process beside its messages, awaited; as `otpy.links.sys_calls`."""

from typing import Any, Protocol, TypeVar

from otpy.aio.links.deadline import within
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.wire.control import Inquiry, ReadGauges
from otpy.wire.gateway import Statistics, Stopped
from otpy.wire.sys_messages import GetState, ReplaceState, Resume, Suspend

T = TypeVar("T")


class Overseer(Protocol):
    """Whoever takes such questions to processes, by their names."""

    async def oversee(self, name: str, request: Inquiry, shape: type[T]) -> T:
        """Ask a process, or the supervisor that watches it."""

    async def stop_process(self, name: str, reason: object) -> Stopped:
        """Have a process end in order, and tell how it ended."""


class SystemCalls:
    """The part of a reference that talks to the server's supervision, not to its handlers."""

    name: str
    node: Overseer

    async def get_state(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Return the attributes of the server's instance; as `otpy.Ref.get_state`."""
        return await self._oversee(GetState(), timeout, Any)

    async def replace_state(
        self, attributes: dict[str, Any], *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> Any:
        """Give attributes other values; as `otpy.Ref.replace_state`."""
        return await self._oversee(ReplaceState(attributes), timeout, Any)

    async def suspend(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Have the server take no messages until `resume`; as `otpy.Ref.suspend`."""
        await self._oversee(Suspend(), timeout, Any)

    async def resume(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Have the server take messages again."""
        await self._oversee(Resume(), timeout, Any)

    async def statistics(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Statistics:
        """Tell what the process does; as `otpy.Ref.statistics`."""
        (row,) = await self._oversee(ReadGauges(), timeout, tuple[Statistics])
        return row

    async def stop(self, reason: object = "normal", *, timeout: float | None = None) -> None:
        """Have the process end with `reason`, and wait until it is gone; as `otpy.Ref.stop`."""
        async with within(timeout, f"{self.name!r} did not end"):
            told = await self.node.stop_process(self.name, reason)
        told.check()

    async def _oversee(self, request: Inquiry, timeout: float | None, shape: type[T]) -> T:
        async with within(timeout, f"{self.name!r} did not answer"):
            return await self.node.oversee(self.name, request, shape)
