"""Functions by name: ``module:function``, as trees and messages speak of them."""

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from otpy.errors import NotSendable

Function: TypeAlias = Callable[..., Any] | str
"""A function, or its name: ``module:function``."""


def resolve(target: str) -> Any:
    """Import ``module:attribute``.

    Raises:
        ImportError: There is no such module, or it raised while it was imported.
        AttributeError: The module has no such attribute.
    """
    module, _, names = target.partition(":")
    # As an import statement does it: `importlib.import_module` is on pages that each of a thousand
    # workers would write to.
    __import__(module)
    value: Any = sys.modules[module]
    for name in names.split("."):
        value = getattr(value, name)
    return value


def is_target(value: object) -> bool:
    """Return whether a value is a string that names a function: ``module:function``."""
    if not isinstance(value, str):
        return False
    module, colon, names = value.partition(":")
    return bool(colon) and all(part.isidentifier() for part in f"{module}.{names}".split("."))


def name_of(function: Callable[..., object]) -> str:
    """Return the name by which another process can import a function.

    Raises:
        NotSendable: It has none: it is a lambda, one inside another, or one of a script.
    """
    module = getattr(function, "__module__", None)
    names = getattr(function, "__qualname__", "")
    found: Any = sys.modules.get(module or "")
    for name in names.split("."):
        found = getattr(found, name, None)
    if found is not function or module == "__main__":
        problem = f"{function!r:.100} has no name to be sent by"
        raise NotSendable(f"{problem}, expected a function of a module that can be imported")
    return f"{module}:{names}"


def by_name(function: Function) -> str:
    """Return a function as clients send it; raises `NotSendable`."""
    return name_of(function) if callable(function) else function
