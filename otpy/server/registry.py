"""The tree's registry: names that one process has, and keys that many share.

An entry goes with its process, before anybody can see it dangle.
"""

from otpy.errors import FrameTooLarge
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.messages import Registered
from otpy.server.context import current
from otpy.wire.codec import pack_value, unpack
from otpy.wire.control import (
    MAX_REGISTERED,
    Entries,
    Entry,
    Lookup,
    NodeAnswer,
    Register,
    RegisterName,
    Unregister,
    Wish,
)
from otpy.wire.keys import key_bytes


def register_name(name: str) -> None:
    """Have this process alone known by `name`, beside its path, for as long as it lives.

    Raises:
        SupervisorError: Another process that lives has it: ``already_started``.
        TypeError: The name is no string.
        ValueError: It holds half a character.
        OtpyError: This process is not a worker of a tree.
    """
    _ask(naming(name))


def register(key: object, value: object = None) -> None:
    """Have this process found under `key`, with others; once more changes its value.

    Args:
        key: Any value that can be sent, and integers of any size. Equal ones are one key, in
            whatever order a mapping has its own keys; so are a list and a tuple.
        value: Any value that can be sent.

    Raises:
        NotSendable: MessagePack cannot carry the key or the value.
        FrameTooLarge: Either is over 64 KiB.
        OtpyError: This process is not a worker of a tree.
    """
    _ask(registering(key, value))


def unregister(key: object) -> None:
    """Undo `register`; nothing happens if this process is not there."""
    _ask(unregistering(key))


def lookup(key: object) -> list[Registered]:
    """Tell which processes are registered under `key`, the first to register first."""
    return registered(_ask(looking_up(key)))


def dispatch(key: object, message: object, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> int:
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
    peers = current().peers
    return sum(peers.send(each.who, message, timeout) for each in entries(_ask(looking_up(key))))


def _ask(wish: Wish) -> NodeAnswer:
    return current().peers.ask_node(wish, DEFAULT_TIMEOUT_S)


# --- for those on an event loop, too --------------------------------------------------------------


def naming(name: str) -> RegisterName:
    """Say which name is to be taken; raises as `register_name`."""
    try:
        str.encode(name)
    except UnicodeEncodeError:
        raise ValueError(f"a name is Unicode, got {name!r:.100}") from None
    return RegisterName(name)


def registering(key: object, value: object) -> Register:
    """Say what is to be registered; raises as `register`."""
    return Register(_checked(key_bytes(key)), _checked(pack_value(value)))


def unregistering(key: object) -> Unregister:
    """Say what is to be registered no more; raises as `register`."""
    return Unregister(_checked(key_bytes(key)))


def looking_up(key: object) -> Lookup:
    """Say who is looked for; raises as `register`."""
    return Lookup(_checked(key_bytes(key)))


def entries(answer: NodeAnswer) -> tuple[Entry, ...]:
    """Read who was found."""
    assert isinstance(answer, Entries)
    return answer.entries


def registered(answer: NodeAnswer) -> list[Registered]:
    """Read who was found, as users are told."""
    return [Registered(each.who.path, each.pid, unpack(each.value)) for each in entries(answer)]


def _checked(packed: bytes) -> bytes:
    if len(packed) > MAX_REGISTERED:
        raise FrameTooLarge(len(packed), MAX_REGISTERED)
    return packed
