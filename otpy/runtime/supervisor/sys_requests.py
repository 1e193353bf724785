"""Serve requests about a worker in its place, however stuck that is."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from otpy.errors import OtpyError
from otpy.runtime.supervisor.child import Child
from otpy.runtime.supervisor.supervisor_view import SupervisorView
from otpy.wire.control import RawReply
from otpy.wire.sys_messages import DumpStacks, ReadCounters, SysRequest

Reply: TypeAlias = Callable[[RawReply | OtpyError], None]

Handler: TypeAlias = Callable[[SysRequest, Child, SupervisorView, Reply], bool]
"""Calls the reply, now or later; returns False if the request does not fit the child."""


def serve_sys_request(
    request: SysRequest, child: Child, supervisor: SupervisorView, reply: Reply
) -> bool:
    """Serve a request about a child; return False if the request does not fit the child."""
    return HANDLERS[type(request)](request, child, supervisor, reply)


def _read_counters(
    _request: SysRequest, child: Child, _supervisor: SupervisorView, reply: Reply
) -> bool:
    statistics = child.statistics()
    if statistics is not None:
        reply(RawReply([msgspec.to_builtins(statistics)]))
    return statistics is not None


def _dump_stacks(
    _request: SysRequest, child: Child, supervisor: SupervisorView, reply: Reply
) -> bool:
    is_python = child.kind == "worker"
    if is_python:
        supervisor.stacks.dump(child, reply)
    return is_python


HANDLERS: Final[Mapping[type[SysRequest], Handler]] = {
    ReadCounters: _read_counters,
    DumpStacks: _dump_stacks,
}
