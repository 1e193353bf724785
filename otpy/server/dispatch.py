"""Requests to methods: ``@call`` and ``@cast``, by the convention of a name and arguments."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from otpy.errors import UnknownRequest

MARK: Final = "__otpy_handles__"
"""The attribute of a method that `call` or `cast` marked: what it handles."""

_VARIABLE: Final = 0x04
"""CO_VARARGS, of a code object's flags."""


@dataclass(frozen=True, slots=True)
class Handles:
    """What a marked method takes.

    Attributes:
        kind: ``call`` or ``cast``.
        least: How many arguments it must have, without the server.
        most: How many it may have.
    """

    kind: str
    least: float
    most: float


def marked(kind: str, method: Callable[..., Any]) -> Handles:
    """Tell what a method takes, once and for all its requests."""
    code = getattr(method, "__code__", None)
    if code is None or code.co_kwonlyargcount or hasattr(method, "__wrapped__"):
        return Handles(kind, *_bounds(inspect.signature(method)))
    most = code.co_argcount - 1
    least = most - len(method.__defaults__ or ())
    return Handles(kind, least, math.inf if code.co_flags & _VARIABLE else most)


def _bounds(signature: inspect.Signature) -> tuple[float, float]:
    least, most = -1.0, -1.0  # the server itself is the first
    for parameter in signature.parameters.values():
        needed = parameter.default is parameter.empty
        match parameter.kind:
            case parameter.VAR_POSITIONAL:
                most = math.inf
            case parameter.KEYWORD_ONLY if needed:
                least = math.inf  # no request can say it
            case parameter.POSITIONAL_ONLY | parameter.POSITIONAL_OR_KEYWORD:
                least, most = least + needed, most + 1
    return least, most


def handles(function: object) -> str | None:
    """Tell whether `function` is marked to handle ``call`` or ``cast``; None if it is not."""
    mark: Handles | None = getattr(function, MARK, None)
    return None if mark is None else mark.kind


def dispatch(server: object, kind: str, request: object) -> object:
    """Call the marked method that `request` means.

    Raises:
        UnknownRequest: There is no such method, or the arguments do not fit its parameters: then
            it is the request that is wrong, not the server.
    """
    if not (isinstance(request, tuple) and request):
        request = (request,)
    name = request[0]
    if isinstance(name, str):
        count = len(request)
        method = _found.get((type(server), kind, name, count))
        if method is None:
            method = _find(type(server), kind, name, count)
        if method is not None:
            if count == _ONE_ARGUMENT:
                return method(server, request[1])
            return method(server, *request[1:])
    asked = request if len(request) > 1 else name
    raise UnknownRequest(f"{type(server).__name__} has no handler for {kind} {asked!r:.200}")


_ONE_ARGUMENT: Final = 2
_found: Final[dict[tuple[type, str, str, int], Callable[..., object]]] = {}
"""Methods that were called, by what leads to them: a class, a kind, a name, a number of parts."""


def _find(server: type, kind: str, name: str, count: int) -> Callable[..., object] | None:
    method: Any = getattr(server, name, None)
    mark: Handles | None = getattr(method, MARK, None)
    if mark is None or mark.kind != kind or not mark.least < count <= mark.most + 1:
        return None
    found: Callable[..., object] = method
    if mark.most < math.inf:  # else there is no end of numbers
        _found[server, kind, name, count] = found
    return found
