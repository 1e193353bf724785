"""Requests to methods: ``@call`` and ``@cast``, by the convention of a name and arguments."""

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

_MARK: Final = "__otpy_handles__"


def call(method: Method) -> Method:
    """Have `method` answer calls of its own name: ``("increment", 5)`` or ``"get_count"``."""
    setattr(method, _MARK, "call")
    return method


def cast(method: Method) -> Method:
    """Have `method` handle casts of its own name."""
    setattr(method, _MARK, "cast")
    return method


def handles(function: object) -> str | None:
    """Tell whether `function` is marked to handle ``call`` or ``cast``; None if it is not."""
    kind: str | None = getattr(function, _MARK, None)
    return kind


def handler_for(server: object, kind: str, request: object) -> Callable[[], object] | None:
    """Find the marked method that `request` means, with the request's arguments bound to it.

    None if there is no such method, or if the arguments do not fit its parameters: then it is
    the request that is wrong, not the server.
    """
    name, *arguments = request if isinstance(request, tuple) and request else (request,)
    if not isinstance(name, str):
        return None
    function = getattr(type(server), name, None)
    if handles(function) != kind:
        return None
    method = getattr(server, name)
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError:
        return None
    return lambda: method(*arguments)
