"""The client for asyncio: `otpy.connect` and what it gives, to be awaited."""

from otpy.aio.events import EventStream
from otpy.aio.node import Node, connect
from otpy.aio.pending import Pending
from otpy.aio.ref import Ref
from otpy.aio.supervisor import SupervisorRef

__all__ = ["EventStream", "Node", "Pending", "Ref", "SupervisorRef", "connect"]
