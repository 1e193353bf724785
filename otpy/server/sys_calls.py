"""What a worker may ask another one beside its messages (OTP's sys)."""

from typing import Any

from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.ref import Ref
from otpy.server.context import current
from otpy.wire.gateway import Statistics


def get_state(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
    """Return the attributes of another server's instance; as `otpy.Ref.get_state`."""
    return _ref(name).get_state(timeout=timeout)


def replace_state(
    name: str, attributes: dict[str, Any], *, timeout: float | None = DEFAULT_TIMEOUT_S
) -> Any:
    """Give attributes of another server other values; as `otpy.Ref.replace_state`."""
    return _ref(name).replace_state(attributes, timeout=timeout)


def suspend(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
    """Have another server take no messages until `resume`; as `otpy.Ref.suspend`."""
    _ref(name).suspend(timeout=timeout)


def resume(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
    """Have another server take messages again."""
    _ref(name).resume(timeout=timeout)


def statistics(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Statistics:
    """Tell what a worker does, oneself included; as `otpy.Ref.statistics`."""
    return _ref(name).statistics(timeout=timeout)


def _ref(name: str) -> Ref:
    return current().peers[name]
