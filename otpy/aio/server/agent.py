"""Calls and casts to agents on an event loop."""

from otpy.aio.server.agent_calls import AgentCalls


class Agent(AgentCalls):
    """The functions of `otpy.Agent`, to be awaited.

    They talk to an agent: from a client by a `Ref`, from a worker of its tree by its name.
    """
