"""System messages that a server serves: get state, replace state, collect garbage (sys.erl).

They are served between two messages, however many wait.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from inspect import iscoroutine
from typing import Any, Final

import msgspec

from otpy.durable.own_store import OwnStore
from otpy.errors import OtpyError, Refused, UnknownRequest
from otpy.server.genserver import GenServer
from otpy.wire.codec import printable
from otpy.wire.control import RawReply
from otpy.wire.safe_repr import REASON_CHARS, short
from otpy.wire.sys_messages import (
    BackUp,
    CollectGarbage,
    GetState,
    ReplaceState,
    SysRequest,
)
from otpy.wire.values import carried

_ITEMS: Final = 200_000
"""Most items of an attribute that is shown in full, those of containers in it included."""

_BYTES: Final = 4 << 20
"""How large a state may be that is shown in full."""

_OURS: Final = frozenset({"name", "instance"})
"""Attributes that are the process's, not the state's."""

_encode: Final = msgspec.msgpack.Encoder().encode


def answer(server: GenServer, request: SysRequest) -> RawReply | OtpyError:
    """Serve a request about a server between two of its messages; what fails is its answer."""
    handler = HANDLERS.get(type(request))
    if handler is None:
        return UnknownRequest(f"no worker serves {request!r:.100}")
    try:
        return handler(server, request)
    except OtpyError as error:
        return error
    except BaseException as error:  # noqa: BLE001  # the user's properties may raise anything
        return Refused(_said(error))


def _get_state(server: GenServer, _request: SysRequest) -> RawReply:
    return RawReply(packed=bytes(_shown(formatted(server, {})["state"])))


def _replace_state(server: GenServer, request: SysRequest) -> RawReply:
    assert isinstance(request, ReplaceState)
    _replace(server, request.attributes)
    return _get_state(server, request)


def _back_up(_server: GenServer, _request: SysRequest) -> RawReply:
    raise Refused("it is not durable: it has no state to back up")


def _collect_garbage(_server: GenServer, _request: SysRequest) -> RawReply:
    return RawReply(gc.collect())


HANDLERS: Final[Mapping[type[SysRequest], Callable[[GenServer, SysRequest], RawReply]]] = {
    GetState: _get_state,
    ReplaceState: _replace_state,
    CollectGarbage: _collect_garbage,
    BackUp: _back_up,
}


def state_of(server: GenServer) -> dict[str, Any]:
    """Return the attributes of a server's instance, those in slots included."""
    slots = {name: getattr(server, name) for name in _slots(server) if hasattr(server, name)}
    return {
        name: value
        for name, value in {**slots, **vars(server)}.items()
        if name not in _OURS and type(value) is not OwnStore
    }


def _slots(server: GenServer) -> Iterator[str]:
    for owner in type(server).__mro__:
        names = owner.__dict__.get("__slots__", ())
        yield from (names,) if isinstance(names, str) else names


def hides(server: GenServer) -> bool:
    """Return whether the server may have secrets, which its `format_status` hides."""
    return type(server).format_status is not GenServer.format_status


def formatted(server: GenServer, status: dict[str, Any]) -> dict[str, Any]:
    """Return `status` as the server's `format_status` shows it: with its secrets hidden.

    If its `format_status` fails, everything is hidden that it might have hidden.
    """
    try:
        told = server.format_status({"state": state_of(server), **status})
        if isinstance(told, Mapping):
            return {**status, **told}
        problem = f"returned {type(told).__name__}, expected a dict"
        if iscoroutine(told):
            told.close()
    except BaseException as error:  # noqa: BLE001  # a report is not to fail of it
        problem = f"raised {type(error).__name__}"
    hidden = f"hidden, since {type(server).__qualname__}.format_status {problem}"
    return {key: _hidden(key, status.get(key), hidden) for key in ("state", *status)}


def _hidden(key: str, value: object, hidden: str) -> str:
    if key == "reason" and isinstance(value, str) and value.startswith("error: "):
        return f"error: {value.split(': ')[1]}: {hidden}"  # the class of an exception is no secret
    return f"{hidden}\n" if key == "traceback" and value else hidden


def _replace(server: GenServer, attributes: dict[str, object]) -> None:
    state = state_of(server)
    if unknown := [name for name in attributes if name not in state]:
        has = ", ".join(map(short, state)) or "none"
        raise Refused(f"it has no attribute {unknown[0]!r:.100}; it has: {has}")
    done: list[str] = []
    try:
        for name, value in attributes.items():
            done.append(name)
            setattr(server, name, value)
    except BaseException as error:  # noqa: BLE001  # a property may raise anything
        for name in reversed(done):
            object.__setattr__(server, name, state[name])
        raise Refused(f"{_said(error)}; the state is as it was") from None


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {printable(error, REASON_CHARS)}"


def _shown(state: object) -> msgspec.Raw:
    """Encode the state attribute by attribute, those that do not fit as text."""
    if not isinstance(state, dict):
        return msgspec.Raw(_value(state, _BYTES))
    room = _BYTES
    parts: dict[str, msgspec.Raw] = {}
    for name, value in state.items():
        part = _value(value, room)
        room -= len(part)
        parts[str(name)] = msgspec.Raw(part)
    return msgspec.Raw(_encode(parts))


def _value(value: object, room: int) -> bytes:
    try:
        if _is_moderate(value, room):
            packed = _encode(carried(value, short))
            if len(packed) <= room:
                return packed
    except BaseException:  # noqa: BLE001, S110  # whatever it is, its text is shown
        pass
    return _encode(short(value))


def _is_moderate(value: object, room: int) -> bool:
    """Return, at bounded cost, whether writing a value down would not take too much memory."""
    todo, items = [value], _ITEMS
    while todo:
        each = todo.pop()
        items -= 1
        if isinstance(each, str | bytes | bytearray):
            room -= len(each)
        elif isinstance(each, dict):
            items -= len(each)
            if items >= 0:
                todo += (*each.keys(), *each.values())
        elif isinstance(each, list | tuple | set | frozenset):
            items -= len(each)
            if items >= 0:
                todo += each
        elif hasattr(each, "__dict__") and not isinstance(each, type):
            todo += vars(each).values()
        if items < 0 or room < 0:
            return False
    return True
