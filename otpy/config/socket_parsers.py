"""The forms of ``sockets``: on a supervisor what is listened on, on a child which ones it gets."""

import ipaddress
import os
import re
from typing import Any, Final

from pydantic_core import PydanticCustomError

from otpy.config.mistakes import did_you_mean, one_of, quotes_help, show
from otpy.config.parsers import MAX_NUMBER, Problem, flag, wanted, within
from otpy.config.surrounding_parsers import account
from otpy.core.sockets import SocketSpec, SocketType

NAME_PATTERN: Final = r"^[A-Za-z0-9_.-]{1,100}$"
MAX_PORT: Final = 65535
MAX_PATH: Final = 107
"""Bytes of the path of a Unix socket (unix(7)), and of the name of an abstract one."""

A_SOCKET: Final = (
    "an address such as 127.0.0.1:8000, [::1]:8000, :8000, udp://:53, /run/web.sock or @web"
)
MODE_PATTERN: Final = r"^0?[0-7]{3}$"
_NAME: Final = re.compile(NAME_PATTERN)
_ADDRESS: Final = re.compile(r"(?P<host>[^\[\]:]*|\[[^\[\]]*\]):(?P<port>[0-9]{1,5})")
_UDP: Final = "udp://"
_TCP: Final = "tcp://"

_OF_FILES: Final = ("mode", "user", "group")
_OF_NETWORKS: Final = ("reuse_port", "ipv6_only")
KEYS: Final = ("listen", "type", "backlog", *_OF_FILES, *_OF_NETWORKS)


def sockets(value: object) -> dict[str, SocketSpec]:
    """Read the sockets of a supervisor, by name."""
    if not isinstance(value, dict):
        raise wanted("a mapping of names to addresses, such as {web: 127.0.0.1:8000}")
    found: dict[str, SocketSpec] = {}
    problems: list[Problem] = []
    for name, each in value.items():
        try:
            _check_name(name)
        except PydanticCustomError as error:
            problems.append(((name,), f"got {show(name)}, expected {error.message()}", True))
            continue
        try:
            found[name] = socket(each)
        except PydanticCustomError as error:
            inner = (error.context or {}).get("problems")
            text = f"got {show(each)}, expected {error.message()}"
            problems += (
                [((name,), text, False)]
                if inner is None
                else [((name, *at), said, on_key) for at, said, on_key in inner]
            )
    if problems:
        raise within(problems)
    return found


def names(value: object) -> tuple[str, ...]:
    """Read which sockets a child gets: their names, in the order of their descriptors."""
    if not isinstance(value, list | tuple):
        raise wanted("a list of the names of sockets, such as [web]")
    problems: list[Problem] = []
    for number, name in enumerate(value):
        try:
            _check_name(name)
            if name in value[:number]:
                raise wanted("each socket once")
        except PydanticCustomError as error:
            problems.append(((number,), f"got {show(name)}, expected {error.message()}", False))
    if problems:
        raise within(problems)
    return tuple(value)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wanted("a name of letters, digits, '_', '-' and '.', 100 at most")


def socket(value: object) -> SocketSpec:
    """Read one socket: its address alone, or a mapping with `listen`."""
    if not isinstance(value, dict):
        listen, kind = _listen(value)
        return SocketSpec(listen, kind or SocketType.STREAM)
    if "listen" not in value:
        raise wanted("an address, or a mapping with listen")
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    for key, each in value.items():
        if key not in KEYS:
            expected = f"{one_of(KEYS)}{did_you_mean(key, KEYS)}"
            problems.append(((key,), f"unknown key {show(key)}, expected {expected}", True))
            continue
        try:
            found[key] = _READERS[key](each)
        except PydanticCustomError as error:
            problems.append(((key,), f"got {show(each)}, expected {error.message()}", False))
    if problems:
        raise within(problems)
    listen, kind = found.pop("listen")
    spec = SocketSpec(listen, **{"type": kind or SocketType.STREAM, **found})
    for key, why in _misfits(spec, kind, value.keys()):
        problems.append(((key,), f"got {show(value[key])}, expected {why}", False))
    if problems:
        raise within(problems)
    return spec


def _misfits(spec: SocketSpec, kind: SocketType | None, keys: Any) -> list[tuple[str, str]]:
    """Return the keys that do not go with the address, and what is expected instead."""
    found = []
    if kind is not None and spec.type is not kind:
        found.append(("type", f"{kind} with udp:// or tcp://"))
    if spec.type is SocketType.SEQPACKET and not spec.is_unix:
        found.append(("type", "stream or datagram where it is no Unix socket"))
    if "backlog" in keys and not spec.has_connections:
        found.append(("backlog", "none: a datagram socket has no connections"))
    found += [
        (key, "none: only the socket of a path has a file")
        for key in _OF_FILES
        if key in keys and not spec.path
    ]
    return found + [
        (key, "false: a Unix socket has no port")
        for key in _OF_NETWORKS
        if getattr(spec, key) and spec.is_unix
    ]


def _listen(value: object) -> tuple[str, SocketType | None]:
    """Read an address, and the type that its form names."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or "\0" in value:
        raise wanted(A_SOCKET)
    for prefix, kind in ((_UDP, SocketType.DATAGRAM), (_TCP, SocketType.STREAM)):
        if value.startswith(prefix):
            return _ip_address(value.removeprefix(prefix)), kind
    if value.startswith(("/", "@")):
        return _unix_address(value), None
    if "/" in value:
        raise wanted("an absolute path of a Unix socket, such as /run/web.sock")
    return _ip_address(value), None


def _unix_address(text: str) -> str:
    if len(text) == 1 or text.endswith("/"):
        raise wanted(A_SOCKET)
    if len(os.fsencode(text)) > MAX_PATH:
        raise wanted(f"a path or name of at most {MAX_PATH} bytes")
    return text


def _ip_address(text: str) -> str:
    """Return ``HOST:PORT``, for every address of the host without HOST."""
    found = _ADDRESS.fullmatch(f":{text}" if text.isascii() and text.isdigit() else text)
    if found is None:
        raise wanted(A_SOCKET)
    if int(found["port"]) > MAX_PORT:
        raise wanted(f"a port of at most {MAX_PORT}")
    host = found["host"]
    if host == "localhost":
        raise wanted(f"a number for the host, such as 127.0.0.1:{found['port']}")
    try:
        if host:
            _check_host(host)
    except ValueError:
        raise wanted(A_SOCKET) from None
    return f"{host}:{int(found['port'])}"


def _check_host(host: str) -> None:
    if host.startswith("["):
        ipaddress.IPv6Address(host[1:-1])
    else:
        ipaddress.IPv4Address(host)


def _type(value: object) -> SocketType:
    if isinstance(value, str) and value in list(SocketType):
        return SocketType(value)
    raise wanted(f"{one_of(list(SocketType))}{did_you_mean(value, list(SocketType))}")


def _mode(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(MODE_PATTERN, value):
        return value
    raise wanted(f'an octal number as a string, such as "0660"{quotes_help(value)}')


def _backlog(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_NUMBER:
        return value
    raise wanted(f"an integer from 1 to {MAX_NUMBER}")


_READERS: Final = {
    "listen": _listen,
    "type": _type,
    "backlog": _backlog,
    "mode": _mode,
    "user": account,
    "group": account,
    "reuse_port": flag,
    "ipv6_only": flag,
}

_LISTEN_SCHEMA: Final = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "integer", "minimum": 0, "maximum": MAX_PORT},
    ]
}


def sockets_schema(account_schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of the sockets of a supervisor."""
    details = {
        "type": "object",
        "properties": {
            "listen": _LISTEN_SCHEMA,
            "type": {"enum": list(SocketType)},
            "backlog": {"type": "integer", "minimum": 1, "maximum": MAX_NUMBER},
            "mode": {"type": "string", "pattern": MODE_PATTERN},
            "user": account_schema,
            "group": account_schema,
            "reuse_port": {"type": "boolean"},
            "ipv6_only": {"type": "boolean"},
        },
        "required": ["listen"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": {"anyOf": [*_LISTEN_SCHEMA["anyOf"], details]},
    }


def names_schema() -> dict[str, Any]:
    """Return the JSON Schema of the sockets that a child gets."""
    return {"type": "array", "items": {"type": "string", "pattern": NAME_PATTERN}}
