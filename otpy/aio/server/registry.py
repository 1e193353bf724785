"""The tree's registry, from ``async def`` handlers; as `otpy.server.registry`."""

import asyncio

from otpy.aio.server.calls import peers
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.messages import Registered
from otpy.server import registry
from otpy.wire.control import NodeAnswer, Wish


async def register_name(name: str) -> None:
    """Have this process alone known by `name`; as `otpy.register_name`."""
    await _ask(registry.naming(name))


async def register(key: object, value: object = None) -> None:
    """Have this process found under `key`, with others; as `otpy.register`."""
    await _ask(registry.registering(key, value))


async def unregister(key: object) -> None:
    """Undo `register`; nothing happens if this process is not there."""
    await _ask(registry.unregistering(key))


async def lookup(key: object) -> list[Registered]:
    """Tell which processes are registered under `key`, the first to register first."""
    return registry.registered(await _ask(registry.looking_up(key)))


async def dispatch(
    key: object, message: object, *, timeout: float | None = DEFAULT_TIMEOUT_S
) -> int:
    """Send `message` to the `handle_info` of all registered under `key`; as `otpy.dispatch`."""
    found = registry.entries(await _ask(registry.looking_up(key)))
    others = peers()
    sent = await asyncio.gather(*(others.send(each.who, message, timeout) for each in found))
    return sum(sent)


async def _ask(wish: Wish) -> NodeAnswer:
    return await peers().ask_node(wish, DEFAULT_TIMEOUT_S)
