"""Talking to agents on an event loop; as `otpy.Agent`."""

from typing import Any

from otpy.aio.links.ref import Ref
from otpy.aio.server import calls
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server.agent import Function, by_name


class Agent:
    """The functions of `otpy.Agent`, to be awaited.

    They talk to an agent: from a client by a `Ref`, from a worker of its tree by its name.
    """

    @staticmethod
    async def get(
        agent: Ref | str,
        function: Function,
        /,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> Any:
        """Return what ``function(state, *args)`` returns; as `otpy.Agent.get`."""
        return await _ask(agent, ("get", function, *args), key, timeout)

    @staticmethod
    async def update(
        agent: Ref | str,
        function: Function,
        /,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Make what ``function(state, *args)`` returns the state; as `otpy.Agent.update`."""
        await _ask(agent, ("update", function, *args), key, timeout)

    @staticmethod
    async def get_and_update(
        agent: Ref | str,
        function: Function,
        /,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> Any:
        """Have a function give a value and the state; as `otpy.Agent.get_and_update`."""
        return await _ask(agent, ("get_and_update", function, *args), key, timeout)

    @staticmethod
    async def cast(
        agent: Ref | str,
        function: Function,
        /,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Do as `update`, and wait for nothing; as `otpy.Agent.cast`."""
        if isinstance(agent, str):
            await calls.cast(agent, "update", function, *args, key=key, timeout=timeout)
        else:
            await agent.cast("update", by_name(function), *args, key=key, timeout=timeout)


async def _ask(
    agent: Ref | str, request: tuple[Any, ...], key: object, timeout: float | None
) -> Any:
    operation, function, *args = request
    if isinstance(agent, str):
        return await calls.call(agent, operation, function, *args, key=key, timeout=timeout)
    return await agent.call(operation, by_name(function), *args, key=key, timeout=timeout)
