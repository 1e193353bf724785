"""System messages of a worker to another one (OTP's sys)."""

from typing import Any

from otpy.aio.server.context import peers
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.wire.gateway import Statistics


async def get_state(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
    """Return the attributes of another server's instance; as `otpy.Ref.get_state`."""
    return await peers()[name].get_state(timeout=timeout)


async def replace_state(
    name: str, attributes: dict[str, Any], *, timeout: float | None = DEFAULT_TIMEOUT_S
) -> Any:
    """Replace attributes of another server; as `otpy.Ref.replace_state`."""
    return await peers()[name].replace_state(attributes, timeout=timeout)


async def suspend(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
    """Suspend another server: it takes no messages until `resume`; as `otpy.Ref.suspend`."""
    await peers()[name].suspend(timeout=timeout)


async def resume(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
    """Resume another server: it takes messages again."""
    await peers()[name].resume(timeout=timeout)


async def statistics(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Statistics:
    """Return the statistics of a worker, oneself included; as `otpy.Ref.statistics`."""
    return await peers()[name].statistics(timeout=timeout)
