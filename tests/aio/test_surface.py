"""Whatever blocks can be awaited, too: by the same name and with the same arguments."""

import inspect
from typing import Any

import pytest

import otpy
import otpy.aio

AT_ONCE = {"ready", "watchdog"}
"""What a worker says without waiting for anything: there is nothing to await."""


def public(owner: Any) -> set[str]:
    if inspect.ismodule(owner):
        return set(owner.__all__)
    return {name for name in dir(owner) if not name.startswith("_")}


def parameters(function: Any) -> list[str]:
    return [str(each).partition(":")[0] for each in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(
    ("blocking", "awaited", "others"),
    [
        (otpy.Node, otpy.aio.Node, set()),
        (otpy.Ref, otpy.aio.Ref, set()),
        (otpy.SupervisorRef, otpy.aio.SupervisorRef, set()),
        (otpy.Monitor, otpy.aio.Monitor, set()),
        (otpy.Pending, otpy.aio.Pending, set()),
        (otpy.tasks, otpy.aio.tasks, set()),
        (otpy.tasks.Task, otpy.aio.tasks.Task, {"descriptors", "has_ended"}),
        (otpy.sys, otpy.aio.sys, set()),
        (otpy.Agent, otpy.aio.Agent, public(otpy.GenServer)),
    ],
)
def test_what_is_there_is_there_for_asyncio(blocking: Any, awaited: Any, others: set[str]) -> None:
    assert public(blocking) - public(awaited) == others
    for name in public(blocking) - others:
        one, two = getattr(blocking, name), getattr(awaited, name)
        if inspect.isfunction(one):
            assert parameters(one) == parameters(two), name


def test_what_a_worker_can_do_it_can_do_on_a_loop() -> None:
    functions = [name for name in otpy.__all__ if inspect.isfunction(getattr(otpy, name))]
    assert "monitor" in functions
    for name in functions:
        if name in AT_ONCE:
            continue
        assert name in otpy.aio.__all__
        one, two = getattr(otpy, name), getattr(otpy.aio, name)
        if name not in {"call", "cast"}:  # which mark methods, too
            assert parameters(one) == parameters(two), name


def test_all_that_is_promised_is_there() -> None:
    assert all(hasattr(otpy.aio, name) for name in otpy.aio.__all__)
