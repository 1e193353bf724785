"""The client: connect to a node, call its servers, drive its supervisors."""

from otpy.client.events import EventStream
from otpy.client.node import Node, connect
from otpy.client.ref import Ref
from otpy.client.registry import Monitor
from otpy.client.trace import TraceStream
from otpy.client.tree import ProcessInfo
from otpy.links.pending import Pending
from otpy.links.supervisor import ChildCounts, ChildInfo, SupervisorRef
from otpy.wire.gateway import Statistics
from otpy.wire.sys_messages import TraceEvent

__all__ = [
    "ChildCounts",
    "ChildInfo",
    "EventStream",
    "Monitor",
    "Node",
    "Pending",
    "ProcessInfo",
    "Ref",
    "Statistics",
    "SupervisorRef",
    "TraceEvent",
    "TraceStream",
    "connect",
]
