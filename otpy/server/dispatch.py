"""Requests to methods: ``@call`` and ``@cast``, by the convention of a name and arguments."""

import inspect
from collections.abc import Callable
from typing import Final

MARK: Final = "__otpy_handles__"
"""The attribute of a method that `call` or `cast` marked: which of the two."""


def handles(function: object) -> str | None:
    """Tell whether `function` is marked to handle ``call`` or ``cast``; None if it is not."""
    kind: str | None = getattr(function, MARK, None)
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
