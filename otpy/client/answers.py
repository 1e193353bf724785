"""What the gateway answers, as typed values."""

from typing import Any, Final, TypeVar

import msgspec

from otpy.errors import ProtocolError
from otpy.system.fdpass import close_fds

ShapeT = TypeVar("ShapeT")

FATE_S: Final = 1.0
"""How long to ask why a process died; what it was asked has waited long enough."""


class Introduction(msgspec.Struct):
    """Whose link the descriptors beside this are."""

    path: str
    pid: int
    incarnation: int


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
