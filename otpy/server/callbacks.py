"""Which functions of a server's class are called, and whether they are async."""

from collections.abc import Iterator
from functools import partial, partialmethod
from inspect import CO_COROUTINE as _CO_COROUTINE
from inspect import iscoroutinefunction
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final

from otpy.server.dispatch import mark_of
from otpy.server.genserver import GenServer

CALLBACKS: Final = frozenset(
    ("init", "handle_call", "handle_cast", "handle_info", "handle_continue", "terminate")
)
"""The callbacks that may be ``async def``."""

_RUN_A_LOOP: Final = frozenset(("run", "run_until_complete", "run_coroutine_threadsafe"))
"""Functions that run a coroutine by themselves: ``asyncio.run`` and its like."""


def is_async(server: type[GenServer]) -> bool:
    """Return whether a callback or a marked method that would be called is ``async def``.

    Helpers that are not called with messages do not count. A decorated function that returns a
    coroutine without a sign of it is found when it does.
    """
    # Every worker asks this as it starts: whatever is run or looked at is on pages that it shares
    # no more. So a class of plain functions alone, as most are, is known by one short loop.
    for owner in server.__mro__:
        if owner is not GenServer and owner is not object:
            for value in owner.__dict__.values():
                if type(value) is FunctionType:
                    if not value.__code__.co_flags & _CO_COROUTINE and not hasattr(
                        value, "__wrapped__"
                    ):
                        continue
                elif type(value) in _SURELY_PLAIN:
                    continue
                return any(map(gives_coroutine, _called(server)))
    return False


_SURELY_PLAIN: Final[frozenset[type]] = frozenset(
    (
        *(str, type(None), int, bool, float, tuple, dict, property),
        *(GetSetDescriptorType, MemberDescriptorType),
    )
)


def _called(server: type[GenServer]) -> Iterator[object]:
    owners = [owner for owner in server.__mro__ if owner is not GenServer and owner is not object]
    before = owners[: server.__mro__.index(GenServer)]  # GenServer has all callbacks itself
    for name in CALLBACKS:
        yield from _definitions(before, name)
    for name in {
        name for owner in owners for name, value in owner.__dict__.items() if mark_of(value)
    }:
        yield from _definitions(owners, name)


def _definitions(owners: list[type], name: str) -> Iterator[object]:
    """Yield the one that is called, and those of base classes that it calls in turn."""
    for owner in owners:
        if name in owner.__dict__:
            value = owner.__dict__[name]
            yield value
            if not any(map(partial(_passes_on, name), _chain(value))):
                return


def _passes_on(name: str, function: object) -> bool:
    """Return whether a function may give what another one of that name gives."""
    names = _names(function)
    return name in names and _RUN_A_LOOP.isdisjoint(names)


def _chain(value: object) -> Iterator[object]:
    """Yield a function, and what is wrapped in it."""
    seen: set[int] = set()  # one that wraps itself is no reason to hang
    while value is not None and id(value) not in seen:
        seen.add(id(value))
        yield value
        value = _within(value)


def _within(value: Any) -> object:
    if isinstance(value, staticmethod | classmethod):
        return value.__func__
    if isinstance(value, partial | partialmethod):
        return value.func
    if isinstance(value, FunctionType) and not _RUN_A_LOOP.isdisjoint(_names(value)):
        return None  # a plain function of what it wraps
    return getattr(value, "__wrapped__", None)


def _names(value: object) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(getattr(value, "__code__", None), "co_names", ())
    return names


def gives_coroutine(value: object) -> bool:
    """Return whether what stands in a class returns a coroutine when it is called."""
    return any(map(_is_coroutine_function, _chain(value)))


def _is_coroutine_function(value: Any) -> bool:
    if isinstance(value, FunctionType):  # as nearly always
        return bool(value.__code__.co_flags & _CO_COROUTINE) or iscoroutinefunction(value)
    if isinstance(value, staticmethod | classmethod | partial | partialmethod):
        return False  # it is what is in it
    return iscoroutinefunction(value) or (
        callable(value) and iscoroutinefunction(type(value).__call__)
    )
