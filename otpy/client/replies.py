"""Convert the gateway's answers to typed values."""

import os
from typing import Any, TypeVar

import msgspec

from otpy.errors import NoProcess, ProtocolError
from otpy.links.protocol import LinkProtocol
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.pipes import LinkDescriptors
from otpy.wire.gateway import TreeRow
from otpy.wire.sys_messages import SysRequest

ShapeT = TypeVar("ShapeT")
ProtocolT = TypeVar("ProtocolT", bound=LinkProtocol)


class LinkReply(msgspec.Struct):
    """The process that a new link leads to."""

    path: str
    pid: int
    incarnation: int
    hello: tuple[int, int, int] | None = None

    def begin(self, protocol: ProtocolT) -> ProtocolT:
        """Return `protocol`, which expects the hello of the process if that is known."""
        if self.hello is not None:
            protocol.expect(*self.hello)
        return protocol


def sys_arguments(name: str, request: SysRequest) -> dict[str, Any]:
    """Return the arguments of a request about the process `name`, as the gateway takes them."""
    return {"name": name, **{key: getattr(request, key) for key in request.__struct_fields__}}


def stop_arguments(row: TreeRow, reason: object) -> dict[str, Any]:
    """Return the arguments of `stop` for this incarnation.

    Raises:
        NoProcess: There is none.
    """
    if row.pid is None:
        raise NoProcess(f"{row.path!r} has no process at present")
    return {"name": row.path, "incarnation": row.incarnation, "reason": reason}


def converted(
    operation: str, answer: tuple[Any, tuple[Descriptor, ...]], shape: type[ShapeT]
) -> ShapeT:
    """Convert an answer's value to the type `shape`.

    Raises:
        ProtocolError: It is something else. The descriptors that came with it are closed.
    """
    value, fds = answer
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        close_all(fds)
        raise ProtocolError(f"not what {operation!r} answers: {error}") from None


def opened_link(
    operation: str, answer: tuple[Any, tuple[Descriptor, ...]], protocol: ProtocolT
) -> tuple[LinkReply, LinkDescriptors, ProtocolT]:
    """Read an answer that brings a link: its process, its descriptors, and its protocol.

    Raises:
        ProtocolError: It is something else. The descriptors that came with it are closed.
    """
    address = converted(operation, answer, LinkReply)
    try:
        reader, writer, pidfd = answer[1]
        return address, (reader, writer, pidfd), address.begin(protocol)
    except BaseException:
        close_all(answer[1])
        raise


def absolute(file: str | os.PathLike[str]) -> str:
    """Return the path of a file for a process that is in another directory."""
    return os.path.abspath(os.fspath(file))  # noqa: PTH100 - links stay
