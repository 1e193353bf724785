"""What the gateway answers, as typed values."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from otpy.errors import NoProcess, ProtocolError
from otpy.links.protocol import LinkProtocol
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.pipes import LinkDescriptors
from otpy.wire.gateway import TreeRow
from otpy.wire.sys_messages import (
    DumpStacks,
    GetState,
    Inquiry,
    ReadGauges,
    ReplaceState,
    Resume,
    Suspend,
)

ShapeT = TypeVar("ShapeT")
ProtocolT = TypeVar("ProtocolT", bound=LinkProtocol)


class Introduction(msgspec.Struct):
    """Whose link the descriptors beside this are."""

    path: str
    pid: int
    incarnation: int
    greeting: tuple[int, int, int] | None = None

    def begin(self, protocol: ProtocolT) -> ProtocolT:
        """Tell the protocol of the link what the process greets with, if that is known."""
        if self.greeting is not None:
            protocol.expect(*self.greeting)
        return protocol


_OPERATIONS: Final[Mapping[type[Inquiry], str]] = {
    GetState: "get_state",
    ReplaceState: "replace_state",
    Suspend: "suspend",
    Resume: "resume",
    ReadGauges: "statistics",
    DumpStacks: "stack",
}


def inquiry(name: str, request: Inquiry) -> tuple[str, dict[str, Any]]:
    """Say which operation of the gateway's that is, and with which arguments."""
    arguments: dict[str, Any] = {"name": name}
    if isinstance(request, ReplaceState):
        arguments["attributes"] = request.attributes
    return _OPERATIONS[type(request)], arguments


def stop_order(row: TreeRow, reason: object) -> dict[str, Any]:
    """Say what the gateway is asked, so that it is for this very incarnation.

    Raises:
        NoProcess: There is none.
    """
    if row.pid is None:
        raise NoProcess(f"{row.path!r} has no process at present")
    return {"name": row.path, "incarnation": row.incarnation, "reason": reason}


def converted(
    operation: str, answer: tuple[Any, tuple[Descriptor, ...]], shape: type[ShapeT]
) -> ShapeT:
    """Make the value of an answer a `shape`.

    Raises:
        ProtocolError: It is something else. The descriptors that came with it are closed.
    """
    value, fds = answer
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        close_all(fds)
        raise ProtocolError(f"not what {operation!r} answers: {error}") from None


def introduced(
    operation: str, answer: tuple[Any, tuple[Descriptor, ...]], protocol: ProtocolT
) -> tuple[Introduction, LinkDescriptors, ProtocolT]:
    """Read an answer that brings a link: whom it leads to, its descriptors, and its protocol.

    Raises:
        ProtocolError: It is something else. The descriptors that came with it are closed.
    """
    who = converted(operation, answer, Introduction)
    try:
        reader, writer, pidfd = answer[1]
        return who, (reader, writer, pidfd), who.begin(protocol)
    except BaseException:
        close_all(answer[1])
        raise
