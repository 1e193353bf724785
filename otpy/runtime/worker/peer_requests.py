"""Requests of a worker to the node and their answers: with and without an event loop."""

import os
from typing import Any, TypeVar, cast

import msgspec

from otpy.errors import CallingSelf, FrameTooLarge, NoProcess, OtpyError
from otpy.links.peer import PeerProtocol
from otpy.runtime.exit_reasons import exit_reason
from otpy.runtime.supervisor_api import core_request, refusal, to_builtins
from otpy.runtime.task_specs import new_id, task_spec
from otpy.runtime.worker.supervisor_channel import ControlAnswer
from otpy.server.context import current
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.pipes import LinkDescriptors, LinkEnds, link_pipes
from otpy.wire.codec import pack_value, unpack
from otpy.wire.control import (
    Address,
    Answered,
    AskProcess,
    ExitInfo,
    LinkLost,
    LinkOpened,
    NodeReply,
    RawReply,
    StartTask,
    StopProcess,
)
from otpy.wire.frames import MAX_FRAME
from otpy.wire.gateway import MAX_REQUEST, TreeRow
from otpy.wire.link import VERSION
from otpy.wire.nesting import check_nesting
from otpy.wire.sys_messages import SysRequest
from otpy.wire.values import revived

T = TypeVar("T")
NodeReplyT = TypeVar("NodeReplyT", TreeRow, ExitInfo)


def opened_link(
    answer: ControlAnswer, fds: tuple[Descriptor, ...], ours: LinkEnds
) -> tuple[LinkDescriptors, LinkOpened] | None:
    """Read the answer to a `Connect`: a link's three descriptors, and the process it leads to.

    None if a supervisor on the way was lost: connect again. Unless there is a link, its ends on
    this side, `ours`, are closed.

    Raises:
        NoProcess: The process's pidfd did not come along.
    """
    if isinstance(answer, LinkOpened) and fds:
        return (*ours, fds[0]), answer
    close_all(ours)
    if isinstance(answer, Answered) and isinstance(answer.answer, LinkLost):
        return None
    raise NoProcess("out of descriptors")


def protocol_with(address: LinkOpened) -> PeerProtocol:
    """Return the protocol of a link to a worker, whose hello is known: it runs this code."""
    protocol = PeerProtocol()
    protocol.expect(VERSION, address.incarnation, MAX_FRAME)
    return protocol


def task_request(
    me: Address, supervisor: str, shutdown: float, *, linked: bool
) -> tuple[AskProcess, LinkEnds, tuple[Descriptor, ...]]:
    """Return the request that starts a task, our ends of a link, and the descriptors to send."""
    task = StartTask(task_spec(new_id(me), shutdown))
    operation = AskProcess(supervisor, task, current().starting)
    ours, theirs = link_pipes()
    try:
        return (
            operation,
            ours,
            (*theirs, Descriptor(os.pidfd_open(os.getpid()))) if linked else theirs,
        )
    except OSError:
        close_all((*ours, *theirs))
        raise


def started_task(
    answer: ControlAnswer, fds: tuple[Descriptor, ...], ours: LinkEnds
) -> tuple[LinkDescriptors, LinkOpened]:
    """Read the answer to that; raises as `opened_link`."""
    met = opened_link(answer, fds, ours)
    if met is None:
        raise NoProcess("the supervisor ended meanwhile")
    return met


def expect_reply(answer: ControlAnswer, kind: type[NodeReplyT]) -> NodeReplyT:
    """Return the node's reply."""
    assert isinstance(answer, NodeReply)
    assert isinstance(answer.answer, kind)
    return answer.answer


def running(row: TreeRow, me: Address) -> bool:
    """Return whether another process takes casts; raises `CallingSelf` if it is this one."""
    if row.path == me.path:
        raise CallingSelf(row.path)
    return row.takes_casts


def request_to_builtins(request: SysRequest) -> SysRequest:
    """Keep values of the user's classes from the supervisors on the way.

    Raises:
        NotSendable: MessagePack cannot carry a value.
        FrameTooLarge: It is more than a supervisor should carry.
        ProtocolError: It is nested too deep.
    """
    arguments = [getattr(request, name) for name in request.__struct_fields__]
    check_nesting(arguments)
    packed = pack_value(arguments)
    if len(packed) > MAX_REQUEST:
        raise FrameTooLarge(len(packed), MAX_REQUEST)
    return type(request)(*cast(list[object], unpack(packed)))


def sys_reply(answer: ControlAnswer, shape: type[T]) -> T:
    """Read what a server answered beside its messages, as a `shape`."""
    assert isinstance(answer, Answered)
    assert isinstance(answer.answer, RawReply)
    value = answer.answer.content
    if isinstance(value, msgspec.Raw):
        return msgspec.msgpack.decode(value, type=shape, ext_hook=revived)
    return msgspec.convert(value, shape)


def supervising(arguments: dict[str, Any]) -> AskProcess:
    """Return the request that has a supervisor carry out an operation.

    Raises:
        NotSendable: MessagePack cannot carry an argument: it would meet supervisors.
        FrameTooLarge: It is more than a supervisor should carry.
        SpecError: The spec of a child is wrong.
    """
    packed = pack_value(arguments)
    if len(packed) > MAX_FRAME:
        raise FrameTooLarge(len(packed), MAX_FRAME)
    plainly_ = cast(dict[str, Any], unpack(packed))
    request = core_request(plainly_["op"], plainly_)
    return AskProcess(plainly_["path"], request, current().starting)


def supervised(answer: ControlAnswer, shape: type[T]) -> T:
    """Read what a supervisor answered, as a `shape`; raises what it refused."""
    assert isinstance(answer, Answered)
    told = answer.answer
    assert not isinstance(told, OtpyError | LinkLost | RawReply)
    if (error := refusal(told)) is not None:
        raise error
    return msgspec.convert(to_builtins(told, answer.pids), shape)


def stop_request(row: TreeRow, reason: object, me: Address) -> tuple[Address, StopProcess]:
    """Return the address of the incarnation to stop, and the request to it.

    Raises:
        CallingSelf: It is this process.
        NoProcess: There is none, or it takes no messages.
    """
    if row.path == me.path:
        raise CallingSelf(f"{row.path!r} would wait for its own end")
    if row.kind != "worker":
        raise NoProcess(f"{row.path or 'root'!r} is a {row.kind}; it takes no messages")
    if row.pid is None:
        raise NoProcess(f"{row.path!r} has no process at present")
    order = StopProcess(row.incarnation, exit_reason(reason))
    return Address(row.path, row.incarnation), order
