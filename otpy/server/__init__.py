"""GenServers: the behaviour, its results, and what each callback result means."""

from otpy.server.agent import Agent
from otpy.server.caller import Caller
from otpy.server.calls import (
    abcast,
    call,
    cast,
    multi_call,
    send_request,
    stop,
    supervisor,
    whereis,
)
from otpy.server.context import Call, receive
from otpy.server.dispatch import handles
from otpy.server.genserver import GenServer
from otpy.server.monitors import demonitor, link, monitor, unlink
from otpy.server.proxy import proxy
from otpy.server.registry import (
    dispatch,
    lookup,
    register,
    register_name,
    unregister,
)
from otpy.server.results import Continue, Ignore, NoReply, Reply, Stop, Timeout
from otpy.server.timer import TimerRef

__all__ = [
    "Agent",
    "Call",
    "Caller",
    "Continue",
    "GenServer",
    "Ignore",
    "NoReply",
    "Reply",
    "Stop",
    "Timeout",
    "TimerRef",
    "abcast",
    "call",
    "cast",
    "demonitor",
    "dispatch",
    "handles",
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
    "unlink",
    "unregister",
    "whereis",
]
