"""What concerns the sockets of several supervisors and children, checked on the plain data."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import PydanticCustomError

from otpy.config import socket_parsers
from otpy.config.mistakes import Loc, Mistake, did_you_mean, one_of, show
from otpy.core.sockets import SocketSpec, SocketType

FIRST: Final = 3
"""The descriptor of a program's first socket, as under systemd."""


def unique(supervisors: list[tuple[Loc, dict[Any, Any]]]) -> Iterator[Mistake]:
    """Find sockets with the name or the address of another one."""
    names: set[object] = set()
    addresses: dict[tuple[str, SocketType], object] = {}
    for at, supervisor in supervisors:
        if not isinstance(given := supervisor.get("sockets"), dict):
            continue
        for name, value in given.items():
            here = (*at, "sockets", name)
            if name in names:
                text = f"got {show(name)} again, expected a name that is unique in the tree"
                yield Mistake(here, text, on_key=True)
            names.add(name)
            spec = _socket(value)
            if spec is None or spec.is_any_port:
                continue
            other = addresses.setdefault((spec.listen, spec.type), name)
            if other != name and not spec.reuse_port:
                text = f"got {show(spec.listen)}, expected another address than that of {other!r}"
                yield Mistake(here, text)


def _socket(value: object) -> SocketSpec | None:
    try:
        return socket_parsers.socket(value)
    except PydanticCustomError:
        return None  # that is told already


def unknown(top: dict[Any, Any]) -> Iterator[Mistake]:
    """Find names of sockets that no supervisor above has, in a whole tree."""
    waiting: list[tuple[Loc, Any, frozenset[str]]] = [((), top, frozenset())]
    while waiting:
        at, mapping, above = waiting.pop()
        if not isinstance(mapping, dict):
            continue
        match mapping.get("sockets"):
            case dict() as own:
                above |= {name for name in own if isinstance(name, str)}
            case list() as asked:
                yield from _unknown(at, asked, above)
            case _:
                pass
        listed = mapping.get("children")
        below = enumerate(listed if isinstance(listed, list) else ())
        waiting += [((*at, "children", number), child, above) for number, child in below]
        waiting.append(((*at, "template"), mapping.get("template"), above))


def _unknown(at: Loc, asked: list[object], above: frozenset[str]) -> Iterator[Mistake]:
    for number, name in enumerate(asked):
        if isinstance(name, str) and name not in above:
            known = one_of(sorted(above)) if above else "none, since no supervisor above has any"
            expected = f"{known}{did_you_mean(name, above)}"
            yield Mistake((*at, "sockets", number), f"got {show(name)}, expected {expected}")


def of_added(at: Loc, mapping: dict[Any, Any]) -> Iterator[Mistake]:
    """Find sockets of a supervisor that is added to a node that runs."""
    if isinstance(given := mapping.get("sockets"), dict) and given:
        text = "got a mapping, expected none: sockets are opened for the supervisors of the file"
        yield Mistake((*at, "sockets"), text)


def same_descriptor(at: Loc, child: dict[Any, Any]) -> Iterator[Mistake]:
    """Find a program that would be ready by the descriptor of a socket."""
    asked, ready = child.get("sockets"), child.get("ready")
    if not isinstance(asked, list) or not isinstance(ready, dict):
        return
    number, after = ready.get("fd"), FIRST + len(asked)
    if isinstance(number, int) and FIRST <= number < after:
        text = f"got {number}, the descriptor of a socket, expected {after} or more"
        yield Mistake((*at, "ready", "fd"), text)
