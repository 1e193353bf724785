"""Requests to methods: ``@call`` and ``@cast``, by the convention of a name and arguments."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final

from otpy.errors import UnknownRequest
from otpy.wire.safe_repr import short

MARK: Final = "__otpy_handles__"
"""The attribute of a method that `call` or `cast` marked: what it handles."""

_VARIABLE: Final = 0x04
"""CO_VARARGS, of a code object's flags."""


@dataclass(frozen=True, slots=True)
class Handles:
    """The parameters of a marked method.

    Attributes:
        kind: ``call`` or ``cast``.
        least: How many arguments a plain function must have, without the server.
        most: How many it may have.
    """

    kind: str
    least: float
    most: float


def is_method(value: object) -> bool:
    """Return whether a value can be marked: a function, or what stands for one in a class."""
    return callable(value) or hasattr(type(value), "__get__")


def marked(kind: str, method: Any) -> Handles:
    """Return the mark of a method."""
    if not isinstance(method, FunctionType):
        return Handles(kind, 0, math.inf)  # looked at when it is called
    code = method.__code__
    if code.co_kwonlyargcount or hasattr(method, "__wrapped__"):
        least, most = bounds(inspect.signature(method))
        return Handles(kind, least - 1, most - 1)  # the server itself is the first
    most = code.co_argcount - 1
    least = most - len(method.__defaults__ or ())
    return Handles(kind, least, math.inf if code.co_flags & _VARIABLE else most)


def bounds(signature: inspect.Signature) -> tuple[float, float]:
    """Return how many arguments must and may be given by their places."""
    least, most = 0.0, 0.0
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


def mark_of(value: object) -> Handles | None:
    """Return the mark of what stands in a class; None if it has none."""
    mark = getattr(value, MARK, None)
    if mark is None and isinstance(value, staticmethod | classmethod):
        mark = getattr(value.__func__, MARK, None)
    return mark if isinstance(mark, Handles) else None


def handles(function: object) -> str | None:
    """Return whether `function` is marked to handle ``call`` or ``cast``; None if it is not."""
    mark = mark_of(function)
    return None if mark is None else mark.kind


def definition(server: type, name: str) -> object:
    """Return the attribute `name` of a class or its bases, unbound."""
    for owner in server.__mro__:
        if name in owner.__dict__:
            return owner.__dict__[name]
    return None


def signature(server: type, name: str) -> inspect.Signature:
    """Return the parameters of a method, without the server and without annotations.

    Raises:
        TypeError: It is no function, or one whose parameters are not known.
        ValueError: Likewise.
    """
    value: Any = definition(server, name)
    whole = inspect.signature(getattr(server, name))
    bound = isinstance(value, staticmethod | classmethod) or not hasattr(type(value), "__get__")
    parameters = list(whole.parameters.values())[0 if bound else 1 :]
    return inspect.Signature([each.replace(annotation=each.empty) for each in parameters])


@dataclass(frozen=True, slots=True)
class _Method:
    """A marked method of a class.

    Attributes:
        call: Called with the server and the arguments.
        least: How many arguments it must have, without the server.
        most: How many it may have.
    """

    call: Callable[..., object]
    least: float
    most: float


class Methods(dict[type, dict[str, Callable[..., object]]]):
    """The methods of a kind that were called with one argument, by the server's class and name.

    Most requests have one, so that these are found in the fewest steps.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._known: dict[type, dict[str, _Method]] = {}

    def __missing__(self, server: type) -> dict[str, Callable[..., object]]:
        return self.setdefault(server, {})

    def find(self, server: type, name: str) -> _Method | None:
        """Return the marked method of that name; what an instance has of it does not count."""
        try:
            return self._known[server][name]
        except KeyError:
            pass
        value = definition(server, name)
        mark = mark_of(value)
        if mark is None or mark.kind != self.kind:
            return None  # not kept: callers may send any request
        method = _method(server, name, value, mark)
        return self._known.setdefault(server, {}).setdefault(name, method)


def _method(server: type, name: str, value: Any, mark: Handles) -> _Method:
    if type(value) is FunctionType:
        return _Method(value, mark.least, mark.most)
    get: Callable[..., Any] | None = getattr(type(value), "__get__", None)
    if get is None:
        return _Method(lambda _, *args: value(*args), *bounds(signature(server, name)))
    bounded = bounds(signature(server, name))
    return _Method(lambda this, *args: get(value, this, server)(*args), *bounded)


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
    name = parts[0]
    if isinstance(name, str) and (method := methods.find(type(server), name)) is not None:
        count = len(parts) - 1
        if method.least <= count <= method.most:
            if count == 1 and type(method.call) is FunctionType:
                methods[type(server)][name] = method.call
            return method.call(server, *parts[1:])
    raise UnknownRequest(_unknown(type(server), methods, request, name))


def _unknown(server: type, methods: Methods, request: object, name: object) -> str:
    """Return the text that nothing handles a request, and what the method of its `name` takes."""
    text = f"{server.__name__} has no handler for {methods.kind} {short(request)}"
    if isinstance(name, str) and methods.find(server, name) is not None:
        text += f"; {name} takes {signature(server, name)}"
    return text
