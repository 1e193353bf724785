"""Erlang/OTP's supervision trees and GenServers for Python, each in a process of its own."""

from typing import TYPE_CHECKING

from otpy.exports import lazy_exports

if TYPE_CHECKING:
    from otpy import errors as errors
    from otpy import events as events
    from otpy import sys as sys
    from otpy import tasks as tasks
    from otpy.client.log_events import log_events
    from otpy.client.node import Node, connect
    from otpy.client.ref import Ref
    from otpy.client.registry import Monitor
    from otpy.client.trace import TraceStream
    from otpy.client.tree import ProcessInfo
    from otpy.durable.table import Table
    from otpy.embedded.run import run
    from otpy.errors import (
        CallingSelf,
        CallTimeout,
        FrameTooLarge,
        NodeAlreadyRunning,
        NodeNotFound,
        NoProcess,
        NotReloaded,
        NotSendable,
        OtpyError,
        ProcessDown,
        ProtocolError,
        Refused,
        RuntimeDirError,
        SpecError,
        StartFailed,
        StorageError,
        SupervisorError,
        UnknownRequest,
    )
    from otpy.links.child_info import ChildCounts, ChildInfo
    from otpy.links.messages import Down, Exit, Registered
    from otpy.links.pending import Pending
    from otpy.links.supervisor import SupervisorRef
    from otpy.server.agent import Agent
    from otpy.server.caller import Caller
    from otpy.server.calls import call, cast
    from otpy.server.context import Call, receive
    from otpy.server.genserver import GenServer
    from otpy.server.monitors import demonitor, link, monitor, unlink
    from otpy.server.proxy import proxy
    from otpy.server.readiness import ready
    from otpy.server.registry import dispatch, lookup, register, register_name, unregister
    from otpy.server.requests import (
        abcast,
        multi_call,
        send_request,
        stop,
        supervisor,
        whereis,
    )
    from otpy.server.results import Continue, Ignore, NoReply, Reply, Stop, Timeout
    from otpy.server.sockets import sockets
    from otpy.server.timer import TimerRef
    from otpy.server.watchdog import watchdog
    from otpy.wire.gateway import Statistics
    from otpy.wire.sys_messages import TraceEvent
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            __name__: ("errors", "events", "sys", "tasks"),
            "otpy.client.log_events": ("log_events",),
            "otpy.client.node": ("Node", "connect"),
            "otpy.client.ref": ("Ref",),
            "otpy.client.registry": ("Monitor",),
            "otpy.client.trace": ("TraceStream",),
            "otpy.client.tree": ("ProcessInfo",),
            "otpy.embedded.run": ("run",),
            "otpy.errors": (
                "CallTimeout",
                "CallingSelf",
                "FrameTooLarge",
                "NoProcess",
                "NodeAlreadyRunning",
                "NodeNotFound",
                "NotReloaded",
                "NotSendable",
                "OtpyError",
                "ProcessDown",
                "ProtocolError",
                "Refused",
                "RuntimeDirError",
                "SpecError",
                "StartFailed",
                "StorageError",
                "SupervisorError",
                "UnknownRequest",
            ),
            "otpy.links.messages": ("Down", "Exit", "Registered"),
            "otpy.links.pending": ("Pending",),
            "otpy.durable.table": ("Table",),
            "otpy.links.child_info": ("ChildCounts", "ChildInfo"),
            "otpy.links.supervisor": ("SupervisorRef",),
            "otpy.server.agent": ("Agent",),
            "otpy.server.caller": ("Caller",),
            "otpy.server.calls": ("call", "cast"),
            "otpy.server.context": ("Call", "receive"),
            "otpy.server.genserver": ("GenServer",),
            "otpy.server.monitors": ("demonitor", "link", "monitor", "unlink"),
            "otpy.server.proxy": ("proxy",),
            "otpy.server.readiness": ("ready",),
            "otpy.server.registry": (
                "dispatch",
                "lookup",
                "register",
                "register_name",
                "unregister",
            ),
            "otpy.server.requests": (
                "abcast",
                "multi_call",
                "send_request",
                "stop",
                "supervisor",
                "whereis",
            ),
            "otpy.server.results": ("Continue", "Ignore", "NoReply", "Reply", "Stop", "Timeout"),
            "otpy.server.sockets": ("sockets",),
            "otpy.server.timer": ("TimerRef",),
            "otpy.server.watchdog": ("watchdog",),
            "otpy.wire.gateway": ("Statistics",),
            "otpy.wire.sys_messages": ("TraceEvent",),
        },
    )

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "Call",
    "CallTimeout",
    "Caller",
    "CallingSelf",
    "ChildCounts",
    "ChildInfo",
    "Continue",
    "Down",
    "Exit",
    "FrameTooLarge",
    "GenServer",
    "Ignore",
    "Monitor",
    "NoProcess",
    "NoReply",
    "Node",
    "NodeAlreadyRunning",
    "NodeNotFound",
    "NotReloaded",
    "NotSendable",
    "OtpyError",
    "Pending",
    "ProcessDown",
    "ProcessInfo",
    "ProtocolError",
    "Ref",
    "Refused",
    "Registered",
    "Reply",
    "RuntimeDirError",
    "SpecError",
    "StartFailed",
    "Statistics",
    "Stop",
    "StorageError",
    "SupervisorError",
    "SupervisorRef",
    "Table",
    "Timeout",
    "TimerRef",
    "TraceEvent",
    "TraceStream",
    "UnknownRequest",
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
    "ready",
    "receive",
    "register",
    "register_name",
    "run",
    "send_request",
    "sockets",
    "stop",
    "supervisor",
    "tasks",
    "unlink",
    "unregister",
    "watchdog",
    "whereis",
]
