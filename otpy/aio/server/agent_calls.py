"""Calls and casts to an agent: by a `Ref`, or from a worker of its tree by its name."""

from typing import Any

from otpy.aio.links.ref import Ref
from otpy.aio.server import calls
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server.functions import Function, by_name


class AgentCalls:
    """The functions of `otpy.Agent` that talk to one."""

    @staticmethod
    async def get(
        agent: Ref | str,
        function: Function,
        /,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> Any:
        """Return what ``function(state, *args)`` returns; raises as `Ref.call`."""
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
        """Replace the state by what ``function(state, *args)`` returns; raises as `Ref.call`."""
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
        """Call ``function(state, *args)``, which returns ``(value, state)``; return that value.

        Raises as `Ref.call`; a function that returns anything else ends the agent.
        """
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
        """Do as `update`, and wait for nothing; raises as `Ref.cast`."""
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
