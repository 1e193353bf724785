"""A server's `call` and `cast` methods, with their signatures, on a reference."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from otpy.server import handles


class Sender(Protocol):
    """A reference to a process."""

    name: str

    def call(self, request: object, *args: object, timeout: float | None) -> Any:
        """Send a request and wait for the reply, or return what is to be awaited for it."""

    def cast(self, request: object, *args: object, timeout: float | None) -> Any:
        """Send a request that has no answer."""


class Proxy:
    """Stands for a server of class `cls`; what is not one of its marked methods is not here.

    Args:
        ref: The process.
        cls: The class whose marked methods these are; nothing of it is run.
        timeout: Of each call and cast.
    """

    def __init__(self, ref: Sender, cls: type, timeout: float | None) -> None:
        self._ref, self._cls, self._timeout = ref, cls, timeout

    def __repr__(self) -> str:
        return f"<Proxy of {self._cls.__name__} {self._ref.name}>"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._cls, name, None)
        kind = handles(method)
        if kind is None or method is None:
            owner = self._cls.__qualname__
            raise AttributeError(f"{owner} has no @call or @cast method {name!r}", name=name)
        send = self._ref.call if kind == "call" else self._ref.cast
        signature = inspect.signature(method)

        def request(*args: object, **kwargs: object) -> Any:
            return send(name, *_positional(name, signature, args, kwargs), timeout=self._timeout)

        request.__name__ = request.__qualname__ = name
        request.__doc__ = method.__doc__
        self.__dict__[name] = request  # found without this function the next time
        return request


def _positional(
    name: str, signature: inspect.Signature, args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[object, ...]:
    """Check the arguments against the method, and put them all in a row."""
    bound = signature.bind(None, *args, **kwargs)
    if kwargs:
        bound.apply_defaults()  # of the parameters before a named one
        if named := bound.kwargs.keys() & kwargs.keys():
            names = ", ".join(sorted(named))
            raise TypeError(f"{name}: {names} cannot be sent, since a request has no names")
    return bound.args[1:]
