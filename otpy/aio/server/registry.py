"""The tree's registry: names that one process has, and keys that many share.

An entry is removed with its process, before it can be looked up.
"""

import asyncio

from otpy.aio.server.context import peers
from otpy.errors import FrameTooLarge
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.messages import Registered
from otpy.wire.codec import pack_value, unpack
from otpy.wire.control import (
    MAX_REGISTERED,
    Entries,
    Lookup,
    NodeAnswer,
    NodeOperation,
    Register,
    RegisterName,
    RegistryEntry,
    Unregister,
)
from otpy.wire.keys import key_bytes


async def register_name(name: str) -> None:
    """Register this process alone by `name`, beside its path, for as long as it lives.

    Raises:
        SupervisorError: Another process that lives has it: ``already_started``.
        TypeError: The name is no string.
        ValueError: It holds half a character.
        OtpyError: This process is not a worker of a tree.
    """
    try:
        str.encode(name)
    except UnicodeEncodeError:
        raise ValueError(f"a name is Unicode, got {name!r:.100}") from None
    await _ask(RegisterName(name))


async def register(key: object, value: object = None) -> None:
    """Register this process under `key`, with others; once more changes its value.

    Args:
        key: Any value that can be sent, and integers of any size. Equal ones are one key, in
            whatever order a mapping has its own keys; so are a list and a tuple.
        value: Any value that can be sent.

    Raises:
        NotSendable: MessagePack cannot carry the key or the value.
        FrameTooLarge: Either is over 64 KiB.
        OtpyError: This process is not a worker of a tree.
    """
    await _ask(Register(_checked(key_bytes(key)), _checked(pack_value(value))))


async def unregister(key: object) -> None:
    """Undo `register`; nothing happens if this process is not there."""
    await _ask(Unregister(_checked(key_bytes(key))))


async def lookup(key: object) -> list[Registered]:
    """Return which processes are registered under `key`, the first to register first."""
    return [
        Registered(each.address.path, each.pid, unpack(each.value)) for each in await _entries(key)
    ]


async def dispatch(
    key: object, message: object, *, timeout: float | None = DEFAULT_TIMEOUT_S
) -> int:
    """Send `message` to the `handle_info` of every process that is registered under `key`.

    Args:
        key: As `register`'s.
        message: Any value that pickle carries.
        timeout: Seconds to wait for each that takes no messages, or None for ever.

    Returns:
        How many got it.

    Raises:
        NotSendable: Pickle cannot carry the message.
    """
    others, found = peers(), await _entries(key)
    return sum(
        await asyncio.gather(*[others.send(each.address, message, timeout) for each in found])
    )


async def _entries(key: object) -> tuple[RegistryEntry, ...]:
    answer = await _ask(Lookup(_checked(key_bytes(key))))
    assert isinstance(answer, Entries)
    return answer.entries


async def _ask(operation: NodeOperation) -> NodeAnswer:
    return await peers().ask_node(operation, DEFAULT_TIMEOUT_S)


def _checked(packed: bytes) -> bytes:
    if len(packed) > MAX_REGISTERED:
        raise FrameTooLarge(len(packed), MAX_REGISTERED)
    return packed
