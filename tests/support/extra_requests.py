"""Requests about a process that otpy does not have: to show what one more needs.

Imported by whoever is to know them: a node under test imports this as it starts.
"""

import gc
from typing import Any, cast

import otpy
from otpy import GenServer
from otpy.wire.sys_messages import SysRequest


class Repeat(SysRequest, frozen=True):
    """Answered by a server between two messages: `value`, some times, and its class."""

    operation = "test_repeat"
    value: object
    times: int = 1


class Position(SysRequest, frozen=True):
    """Answered by the supervisor of a process: what it has of it."""

    operation = "test_position"
    asks_supervisor = True
    expected = ", which has no position"
    command = "Print where a process is."


class Tangled(GenServer):
    """Makes objects that only refer to each other, which Python does not free by itself here."""

    def init(self) -> None:
        gc.collect()
        gc.disable()

    @otpy.call
    def tangle(self, count: int) -> None:
        for _ in range(count):
            knot: list[object] = []
            knot.append(knot)


def add_handlers() -> None:
    """Add them to what supervisors and workers of this process serve."""
    from otpy.runtime.supervisor import sys_requests
    from otpy.runtime.supervisor.child import Child
    from otpy.runtime.worker import introspection
    from otpy.wire.control import RawReply

    def repeat(server: GenServer, request: SysRequest) -> RawReply:
        assert isinstance(request, Repeat)
        return RawReply([type(server).__name__, *[request.value] * request.times])

    def position(
        _request: SysRequest, child: Child, _supervisor: object, reply: sys_requests.Reply
    ) -> bool:
        reply(RawReply({"path": child.path, "pid": child.pid}))
        return True

    cast(dict[type[SysRequest], Any], introspection.HANDLERS)[Repeat] = repeat
    cast(dict[type[SysRequest], Any], sys_requests.HANDLERS)[Position] = position
