"""The client for asyncio: `otpy.connect` and what it gives, to be awaited.

And, for ``async def`` handlers, what `otpy` has for workers, to be awaited: `call`, `cast`,
`monitor`, `stop` and the others, with `tasks` and `sys`.
"""

from otpy.aio import sys as sys  # not in __all__: ``import *`` is not to hide the standard one
from otpy.aio import tasks
from otpy.aio.agent import Agent
from otpy.aio.events import EventStream
from otpy.aio.links.pending import Pending
from otpy.aio.links.supervisor import SupervisorRef
from otpy.aio.node import Node, connect
from otpy.aio.ref import Monitor, Ref
from otpy.aio.registry import dispatch, lookup, register, register_name, unregister
from otpy.aio.trace import TraceStream
from otpy.aio.watching import demonitor, link, monitor, unlink
from otpy.aio.workers import (
    abcast,
    call,
    cast,
    multi_call,
    proxy,
    receive,
    send_request,
    stop,
    supervisor,
    whereis,
)

__all__ = [
    "Agent",
    "EventStream",
    "Monitor",
    "Node",
    "Pending",
    "Ref",
    "SupervisorRef",
    "TraceStream",
    "abcast",
    "call",
    "cast",
    "connect",
    "demonitor",
    "dispatch",
    "link",
    "lookup",
    "monitor",
    "multi_call",
    "proxy",
    "receive",
    "register",
    "register_name",
    "send_request",
    "stop",
    "supervisor",
    "tasks",
    "unlink",
    "unregister",
    "whereis",
]
