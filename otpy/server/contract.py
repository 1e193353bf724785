"""Check a server's class and its arguments.

``otpy check`` does, and the start does again, since not every tree was checked.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, Final

from otpy.server.callbacks import CALLBACKS, gives_coroutine
from otpy.server.dispatch import definition, handles, is_method, signature
from otpy.server.genserver import GenServer

_SET: Final = ("name", "instance")
"""Attributes that every server is given before `init`."""

_OWN: Final = frozenset(name for name in vars(GenServer) if not name.startswith("__")) | CALLBACKS


def wrong_class(server: type[GenServer]) -> str | None:
    """Return a server class's mistake; None if there is none."""
    what = server.__name__
    own = _own_definitions(server)
    for name in _SET:
        if _cannot_be_set(own.get(name)):
            return (
                f"{server.__name__}.{name} hides the attribute `{name}`, which otpy sets: rename it"
            )
    for name in _OWN & own.keys():
        if (kind := handles(own[name])) is not None:
            return f"{what}.{name} is marked @{kind}, but every server has a {name}: rename it"
    if (hidden := _hidden(server)) is not None:
        return hidden
    if gives_coroutine(own.get("format_status")):
        return f"{what}.format_status is async def, expected def"
    if server.__init__ is not object.__init__ and (needed := _needed(server)):
        return (
            f"{what}.__init__ needs {needed}, which it is not given; rename it to `init`, "
            "which gets the `args`"
        )
    return None


def _own_classes(server: type) -> list[type]:
    """Return the classes that are not GenServer, nor below it.

    Each worker looks at them: to look at GenServer's functions would be to write, for their
    counts of references, to pages that all workers can share.
    """
    return [owner for owner in server.__mro__ if owner is not GenServer and owner is not object]


def _own_definitions(server: type) -> dict[str, object]:
    """Return the attributes that these classes define, overrides applied."""
    definitions: dict[str, object] = {}
    for owner in reversed(_own_classes(server)):
        definitions.update(vars(owner))
    return definitions


def _cannot_be_set(value: object) -> bool:
    """Return whether an instance's attribute of the same name would fail, or hide `value`."""
    if isinstance(value, property):
        return value.fset is None
    return hasattr(type(value), "__get__") and not hasattr(type(value), "__set__")


def _hidden(server: type[GenServer]) -> str | None:
    """Return which marked method an attribute of a subclass hides; a method, or None, may."""
    for owner in _own_classes(server)[1:]:
        for name, method in vars(owner).items():
            if (kind := handles(method)) is None:
                continue
            value = definition(server, name)
            if value is not None and (hasattr(type(value), "__set__") or not is_method(value)):
                hides = f"{server.__name__}.{name} hides {owner.__name__}.{name}"
                return f"{hides}, which is marked @{kind}: rename it"
    return None


def _needed(server: type[GenServer]) -> str:
    """Name what `__init__` has to be called with."""
    try:
        parameters = inspect.signature(server.__init__).parameters.values()
    except (TypeError, ValueError):
        return ""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [p.name for p in parameters if p.default is p.empty and p.kind not in variable]
    return ", ".join(names[1:])


def useless_arguments(
    server: type[GenServer], args: Sequence[object], kwargs: Mapping[str, object]
) -> str | None:
    """Return a mistake if there are arguments and no `init` of the user's that takes them."""
    if not (args or kwargs) or server.init is not GenServer.init:
        return None
    name = server.__name__
    if server.__init__ is object.__init__:
        return f"{name} has no init, expected no arguments"
    return f"{name} has no init that takes them; rename `__init__` to `init`"


def parameters(
    target: Callable[..., object], *, as_called: bool = False
) -> inspect.Signature | None:
    """Return the parameters of a function or a server's `init`; None if they are unknown.

    Args:
        target: A function, or a server's class.
        as_called: Of a decorated function, the parameters of its decorator's wrapper.
    """
    try:
        if isinstance(target, type):
            return signature(target, "init")
        found = inspect.signature(target, follow_wrapped=not as_called)
    except (TypeError, ValueError):
        return None  # some functions written in C tell no signature
    shown = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return inspect.Signature(shown)


def check_start(target: Any, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    """Raise TypeError if a server or a function cannot be started so.

    Every worker does this as it starts: what is seldom wrong is looked at if something else tells
    that it may be.
    """
    problem = None
    if isinstance(target, type):
        server: type[GenServer] = target
        if type(server.name) is not str or server.instance is not None:
            problem = wrong_class(server)
        problem = problem or useless_arguments(server, args, kwargs)
    elif not _surely_fits(target, args, kwargs):
        problem = _misfit(target, args, kwargs)
    if problem is not None:
        raise TypeError(problem)


def make(
    server: type[GenServer], args: Sequence[object], kwargs: Mapping[str, object]
) -> GenServer:
    """Return an instance of a server for these arguments.

    Every worker does this as it starts: what is seldom wrong is looked at if something else tells
    that it may be.

    Raises:
        TypeError: What is wrong with its class or its arguments.
    """
    has_no_init = server.init is GenServer.init
    if (
        (has_no_init and (args or kwargs))
        or type(server.name) is not str
        or server.instance is not None
    ):
        check_start(server, args, kwargs)
    try:
        return server()
    except TypeError:
        if (problem := wrong_class(server)) is None:
            raise
    raise TypeError(problem)


def _surely_fits(target: object, args: Sequence[object], kwargs: Mapping[str, object]) -> bool:
    if kwargs or not isinstance(target, FunctionType):
        return False
    code = target.__code__
    most = code.co_argcount
    least = most - len(target.__defaults__ or ())
    return not code.co_kwonlyargcount and least <= len(args) <= most


def _misfit(target: Any, args: Sequence[object], kwargs: Mapping[str, object]) -> str | None:
    if (takes := parameters(target, as_called=True)) is None:
        return None
    try:
        takes.bind(*args, **kwargs)
    except TypeError as error:
        return f"{error}, expected {getattr(target, '__name__', 'the function')}{takes}"
    return None
