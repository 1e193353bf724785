"""What does not go together with arguments, or with its own names."""

import functools
from collections.abc import Callable
from typing import Any

from otpy import GenServer, call, receive


class Made(GenServer):
    """Takes its arguments where nobody gives any."""

    def __init__(self, n: int = 0) -> None:
        self.n = n


class Bare(GenServer):
    """Takes nothing."""


class Nothing(GenServer):
    """Has an init that takes nothing."""

    def init(self) -> None:
        pass


class Needs(GenServer):
    """Cannot be made."""

    def __init__(self, n: int) -> None:
        self.n = n


class Named(GenServer):
    """Has a method where its name is to be."""

    @call
    def name(self) -> str:  # type: ignore[override]
        return "mine"


def takes(one: int, two: int = 2) -> None:
    """Be a function with arguments."""
    receive()
    del one, two


async def waits() -> None:
    """Be a function without any."""
    receive()


def _with_a_store(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function({}, *args)

    return wrapper


@_with_a_store
def decorated(store: dict[str, int], number: int) -> None:
    """Be a function that is given more than its arguments."""
    store["number"] = number
    receive()
