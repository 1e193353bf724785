"""Requests to methods: ``@call`` and ``@cast``, by the convention of a name and arguments."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any, Final

from otpy.errors import UnknownRequest
from otpy.wire.texts import short

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


class Methods(dict[type, dict[str, Callable[..., object]]]):
    """The methods of a kind that were called with one argument, by the server's class and name.

    Most requests have one, so that these are found in the fewest steps.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __missing__(self, server: type) -> dict[str, Callable[..., object]]:
        return self.setdefault(server, {})


def dispatch(server: object, methods: Methods, request: object) -> object:
    """Call the marked method that `request` means.

    Raises:
        UnknownRequest: There is no such method, or the arguments do not fit its parameters: then
            it is the request that is wrong, not the server.
    """
    if type(request) is tuple and len(request) == _WITH_ONE_ARGUMENT:
        name, argument = request
        if type(name) is str and (method := methods[type(server)].get(name)) is not None:
            return method(server, argument)
    return _find(server, methods, request)


_WITH_ONE_ARGUMENT: Final = 2


def _find(server: object, methods: Methods, request: object) -> object:
    parts = request if isinstance(request, tuple) and request else (request,)
    if isinstance(parts[0], str):
        method: Any = getattr(type(server), parts[0], None)
        mark: Handles | None = getattr(method, MARK, None)
        if mark is not None and mark.kind == methods.kind:
            bound: Any = getattr(server, parts[0])
            # The mark takes the first parameter for the server; a static method has none such.
            count = len(parts) - 1 if type(bound) is MethodType else len(parts) - 2
            if mark.least <= count <= mark.most:
                if count == 1 and type(bound) is MethodType is not type(method):
                    methods[type(server)][parts[0]] = method
                return bound(*parts[1:])
    raise UnknownRequest(
        f"{type(server).__name__} has no handler for {methods.kind} {short(request)}"
    )
