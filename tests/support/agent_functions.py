"""Functions that agents apply, and a worker that talks to one."""

from functools import partial
from typing import Any

import otpy
from otpy import GenServer, Refused, Stop, call

State = dict[str, Any]


def load(*names: str) -> State:
    return dict.fromkeys(names, 0)


def fails() -> State:
    raise LookupError("no state")


def lookup(state: State, name: str) -> Any:
    return state.get(name)


def put(state: State, name: str, value: Any) -> State:
    return {**state, name: value}


def pop(state: State, name: str) -> tuple[Any, State]:
    return state.get(name), {k: v for k, v in state.items() if k != name}


def no_pair(state: State) -> State:
    return state


def whole(state: Any) -> Any:
    return state


def raises(state: State) -> None:
    raise LookupError(f"told to, with {len(state)}")


def refuses(state: State) -> None:
    raise Refused("not now")


def odd(state: State) -> Any:
    return object()


def stop(state: State) -> Any:
    return Stop("a value, and no order")


NOT_CALLABLE = 5


class Keeper(GenServer):
    """Keeps things in an agent."""

    @call
    def keep(self, name: str, value: Any) -> Any:
        otpy.Agent.update("cache", put, name, value)
        return otpy.Agent.get("cache", partial(lookup, name=name))

    @call
    def take(self, name: str) -> Any:
        otpy.Agent.cast("cache", put, "taken", name)
        return otpy.Agent.get_and_update("cache", pop, name)

    @call
    def crash(self) -> str:
        try:
            otpy.Agent.get("cache", raises)
        except otpy.ProcessDown as error:
            return error.reason
        return "nothing happened"

    @call
    def send_lambda(self) -> str:
        try:
            otpy.Agent.get("cache", lambda state: state)
        except otpy.NotSendable:
            return "not sendable"
        return "sent"
