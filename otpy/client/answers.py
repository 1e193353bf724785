"""What the gateway answers, as typed values."""

from typing import Any, TypeVar

import msgspec

from otpy.errors import NoProcess, ProcessDown, ProtocolError
from otpy.system.fdpass import close_fds
from otpy.wire.gateway import TreeRow

ShapeT = TypeVar("ShapeT")


class Introduction(msgspec.Struct):
    """Whose link the descriptors beside this are."""

    path: str
    pid: int
    incarnation: int


class Stopped(msgspec.Struct):
    """How a process ended that was to be stopped."""

    reason: str
    traceback: str
    asked: str

    def check(self) -> None:
        """Raise `ProcessDown` if that was not as asked."""
        if self.reason != self.asked:
            raise ProcessDown(self.reason, self.traceback)


def stop_order(row: TreeRow, reason: object) -> dict[str, Any]:
    """Say what the gateway is asked, so that it is for this very incarnation.

    Raises:
        NoProcess: There is none.
    """
    if row.pid is None:
        raise NoProcess(f"{row.path!r} has no process at present")
    return {"name": row.path, "incarnation": row.incarnation, "reason": reason}


def converted(operation: str, answer: tuple[Any, tuple[int, ...]], shape: type[ShapeT]) -> ShapeT:
    """Make the value of an answer a `shape`.

    Raises:
        ProtocolError: It is something else. The descriptors that came with it are closed.
    """
    value, fds = answer
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        close_fds(fds)
        raise ProtocolError(f"not what {operation!r} answers: {error}") from None
