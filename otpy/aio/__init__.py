"""The client for asyncio: `otpy.connect` and what it gives, to be awaited.

And, for ``async def`` handlers, `otpy.call`, `otpy.cast` and `otpy.send_request` to be awaited.
"""

from otpy.aio.events import EventStream
from otpy.aio.node import Node, connect
from otpy.aio.pending import Pending
from otpy.aio.ref import Ref
from otpy.aio.supervisor import SupervisorRef
from otpy.aio.workers import call, cast, send_request

__all__ = [
    "EventStream",
    "Node",
    "Pending",
    "Ref",
    "SupervisorRef",
    "call",
    "cast",
    "connect",
    "send_request",
]
