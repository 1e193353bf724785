"""The tree's registry and its processes' ends, as a client sees them."""

import asyncio

import msgspec

from otpy.aio.client.asker import Asker
from otpy.aio.links.deadline import within
from otpy.aio.links.ref import Ref
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.messages import Down, Registered
from otpy.links.protocol import ClientProtocol
from otpy.wire.codec import unpack
from otpy.wire.keys import key_bytes


class RegistryEntry(msgspec.Struct, array_like=True, frozen=True):
    """One registered process."""

    address: tuple[str, int]
    pid: int
    value: bytes

    def registered(self) -> Registered:
        """Return it as clients see it."""
        return Registered(self.address[0], self.pid, unpack(self.value))


async def lookup(node: Asker[Ref], key: object, timeout: float | None) -> list[Registered]:
    """Return which processes are registered under `key`."""
    return [entry.registered() for entry in await _entries(node, key, timeout)]


async def dispatch(node: Asker[Ref], key: object, message: object, timeout: float | None) -> int:
    """Send `message` to the `handle_info` of all registered under `key`; return how many got it."""
    data = ClientProtocol().info(message)
    entries = await _entries(node, key, timeout)
    return sum(
        await asyncio.gather(
            *[node[e.address[0]]._post(e.address[1], data, timeout) for e in entries]
        )
    )


async def _entries(node: Asker[Ref], key: object, timeout: float | None) -> list[RegistryEntry]:
    return await node._ask("lookup", {"key": key_bytes(key)}, timeout, shape=list[RegistryEntry])


class Monitor:
    """Waits for the end of one incarnation of a process; made by `Ref.monitor`."""

    def __init__(self, node: Asker[Ref], path: str, incarnation: int | None) -> None:
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
            address = {"path": self._path, "incarnation": self._incarnation}
            async with within(timeout, f"{self._path!r} has not ended") as deadline:
                told = await self._node._ask_until(
                    "exit_info", address, deadline, shape=dict[str, str]
                )
            self._down = Down(0, self._path, self._incarnation, told["reason"])
        return self._down
