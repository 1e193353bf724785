"""A server's `call` and `cast` methods, with their signatures, on a reference."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar
from typing import cast as as_type

from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server.calls import call, cast
from otpy.server.dispatch import definition, handles, signature

ServerT = TypeVar("ServerT")


def proxy(name: str, cls: type[ServerT], *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ServerT:
    """Return the `call` and `cast` methods of another worker, with their signatures.

    ``otpy.proxy("counter", Counter).increment(5)`` is ``otpy.call("counter", "increment", 5)``,
    and a type checker knows what it takes and returns. Nothing else of the class is there.

    Args:
        name: As `call`'s.
        cls: The server's class; only its signatures are used.
        timeout: Of each request, in seconds above zero, or None for ever.
    """
    return as_type(ServerT, Proxy(Worker(name, call, cast), cls, timeout))


class Sender(Protocol):
    """A reference to a process."""

    name: str

    @property
    def call(self) -> Callable[..., Any]:
        """Send a request and wait for the reply, or return what is to be awaited for it."""

    @property
    def cast(self) -> Callable[..., Any]:
        """Send a request that has no answer."""


class Worker:
    """Another worker of the tree, by its name, and how it is talked to."""

    def __init__(self, name: str, call: Callable[..., Any], cast: Callable[..., Any]) -> None:
        self.name = name
        self.call: Callable[..., Any] = partial(call, name)
        self.cast: Callable[..., Any] = partial(cast, name)


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
        method = definition(self._cls, name)
        kind = handles(method)
        if kind is None:
            owner = self._cls.__qualname__
            raise AttributeError(f"{owner} has no @call or @cast method {name!r}", name=name)
        send = self._ref.call if kind == "call" else self._ref.cast
        parameters = signature(self._cls, name)

        def request(*args: object, **kwargs: object) -> Any:
            return send(name, *_positional(name, parameters, args, kwargs), timeout=self._timeout)

        request.__name__ = request.__qualname__ = name
        request.__doc__ = method.__doc__
        self.__dict__[name] = request  # found without this function the next time
        return request


def _positional(
    name: str, parameters: inspect.Signature, args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[object, ...]:
    """Check the arguments against the method, and put them all in a row."""
    bound = parameters.bind(*args, **kwargs)
    if kwargs:
        bound.apply_defaults()  # of the parameters before a named one
        if named := bound.kwargs.keys() & kwargs.keys():
            names = ", ".join(sorted(named))
            raise TypeError(f"{name}: {names} cannot be sent, since a request has no names")
    return bound.args
