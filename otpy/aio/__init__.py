"""The client for asyncio: `otpy.connect` and what it gives, to be awaited.

And, for ``async def`` handlers, what `otpy` has for workers, to be awaited: `call`, `cast`,
`monitor`, `stop` and the others, with `tasks` and `sys`.
"""

from otpy.aio import sys as sys  # not in __all__: ``import *`` is not to hide the standard one
from otpy.aio import tasks
from otpy.aio.client.connecting import connect
from otpy.aio.client.events import EventStream
from otpy.aio.client.log_events import log_events
from otpy.aio.client.node import Node
from otpy.aio.client.ref import Ref
from otpy.aio.client.registry import Monitor
from otpy.aio.client.trace import TraceStream
from otpy.aio.embedded.run import run
from otpy.aio.links.pending import Pending
from otpy.aio.links.supervisor import SupervisorRef
from otpy.aio.server.agent import Agent
from otpy.aio.server.calls import call, cast, proxy, receive
from otpy.aio.server.monitors import demonitor, link, monitor, unlink
from otpy.aio.server.registry import dispatch, lookup, register, register_name, unregister
from otpy.aio.server.requests import (
    abcast,
    multi_call,
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
    "log_events",
    "lookup",
    "monitor",
    "multi_call",
    "proxy",
    "receive",
    "register",
    "register_name",
    "run",
    "send_request",
    "stop",
    "supervisor",
    "tasks",
    "unlink",
    "unregister",
    "whereis",
]
